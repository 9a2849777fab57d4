#pragma once

#include "lock/observer.hpp"
#include "quorum/membership.hpp"
#include "quorum/types.hpp"
#include "redis/nodes.hpp"

#include <optional>
#include <vector>

namespace redlock::lock {

// Knows which nodes are down, and says so once: to the observer that a node went down or came up, and in the log what a
// person should mend.
class NodeMonitor {
 public:
  // `nodes`, `membership` and `observer`, if any, must outlive the monitor.
  NodeMonitor(const redis::Nodes& nodes, const quorum::Membership& membership, Duration node_timeout,
              Observer* observer)
      : nodes_{nodes},
        membership_{membership},
        node_timeout_{node_timeout},
        observer_{observer},
        states_(nodes.size()) {}

  void on_sent(TimePoint now, const quorum::Send& send);
  void on_reply(quorum::NodeIndex node, const quorum::Reply& reply);
  void on_failure(quorum::NodeIndex node, const quorum::Failure& failure);
  // An extension may be answered for as long as validity lasts; but a node that takes longer than node_timeout is down.
  void on_time(TimePoint now);
  // When on_time() wants to be called; TimePoint::max() for never.
  TimePoint deadline() const;

  // Warns if two nodes are one server. An acquisition refuses that; but the second of the two may say who it is only
  // after the lock was won.
  void warn_of_duplicate();

  // Warns that the address of the node has come to lead to another server.
  void warn_of_other_server(quorum::NodeIndex node);

  // Why the node is down; none: its last outcome was an answer, or it was not asked.
  const std::optional<quorum::Failure>& failure(quorum::NodeIndex node) const {
    return states_[node].failure;
  }

 private:
  struct NodeState {
    std::optional<quorum::Failure> failure;      // its last outcome; none: an answer
    std::optional<TimePoint> extending_since{};  // the oldest extension that it has not answered
    bool warned_of_anonymity = false;
    bool warned_of_other_server = false;
  };

  const redis::Nodes& nodes_;
  const quorum::Membership& membership_;
  Duration node_timeout_;
  Observer* observer_;
  std::vector<NodeState> states_;
  bool warned_of_duplicate_ = false;
};

}  // namespace redlock::lock

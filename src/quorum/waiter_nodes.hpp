#pragma once

#include "base/clock.hpp"
#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"
#include "quorum/types.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace redlock::quorum {

// The probe of a node that is under way, if any.
enum class Asked { Nothing, OutOfTurn, InTurn };  // InTurn: all earlier waiters have had their slots

// What a waiter knows of one node.
struct WaiterNode {
  bool answers = false;  // as it did the last time that it was asked
  bool queues = false;   // we stand in its queue
  Asked asked = Asked::Nothing;
  Subscribed subscribed = Subscribed::Nothing;
  bool told = false;         // that the key has changed, since we last asked or tried
  TimePoint echoes_until{};  // it has told of a grant, and tells of the change of the key by that once more
  TimePoint expires = TimePoint::max();  // by the TTL of its key; max: for all we know, never
};

// When a key with this TTL is gone; negative: it has none.
constexpr TimePoint end_of(TimePoint now, std::chrono::milliseconds remaining) {
  return remaining < Duration{} ? TimePoint::max() : now + remaining;
}

// What a waiter knows of all nodes, and its home: the node that calls it while it is far back in the queue.
class WaiterNodes {
 public:
  WaiterNodes(const Membership& membership, NodeIndex home)
      : membership_{membership}, nodes_(membership.nodes()), home_{home} {}

  WaiterNode& operator[](NodeIndex node) { return nodes_[node]; }
  const WaiterNode& operator[](NodeIndex node) const { return nodes_[node]; }

  std::size_t size() const { return nodes_.size(); }
  NodeIndex home() const { return home_; }
  // To a node that can call us, if there is one.
  void move_home();

  void on_votes(TimePoint now, const NodeVotes& votes);
  // A probe tells of all nodes what it tells of one.
  void set_expiry(TimePoint expires);
  void forget_told();

  bool quorum_answers() const {
    return is_quorum([](const WaiterNode& node) { return node.answers; });
  }
  bool quorum_told() const {
    return is_quorum([](const WaiterNode& node) { return node.told; });
  }
  bool quorum_tells() const {
    return is_quorum([](const WaiterNode& node) { return node.subscribed == Subscribed::Next; });
  }
  // When a quorum falls free; TimePoint::max(): none of them knows.
  TimePoint expires() const;

  // The next one in turn. Polls go to every node: so a node that was silent is found to answer again. They go round by
  // themselves: where another question follows each poll, a common round could leave out the same node each time.
  std::optional<NodeIndex> next_to_ask(Probe what);

 private:
  template <class Belongs>
  bool is_quorum(Belongs belongs) const {
    return membership_.is_quorum(
        membership_.nodes_where([&](NodeIndex node) { return belongs(nodes_[node]); }));
  }

  const Membership& membership_;
  std::vector<WaiterNode> nodes_;
  NodeIndex home_;
  NodeIndex asked_ = 0;   // the last node that was asked for the state
  NodeIndex polled_ = 0;  // and the last that was polled
};

}  // namespace redlock::quorum

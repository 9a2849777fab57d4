#pragma once

#include "quorum/ids.hpp"
#include "quorum/types.hpp"
#include "redis/keys.hpp"
#include "redis/nodes.hpp"

#include <optional>
#include <vector>

namespace redlock::lock {

// The queues that this process may be in, node by node, and the requests under way that leave them.
class QueueEntries {
 public:
  // `keys` must outlive this object.
  QueueEntries(const redis::LockKeys& keys, std::size_t nodes)
      : keys_{keys}, entered_(nodes), leaving_(nodes) {}

  // An acquire request may enter the queue of its node; a grant leaves it.
  void on_sent(const quorum::Send& send);
  void on_reply(quorum::NodeIndex node, const quorum::Reply& reply);

  // The requests that leave all queues.
  std::vector<redis::Query> leave(const redis::Nodes& nodes, quorum::RequestIds& ids, TimePoint deadline);
  // Whether the event is the outcome of one of these.
  bool take(const redis::Event& event);
  bool owes(quorum::NodeIndex node) const { return leaving_[node] != 0; }

 private:
  const redis::LockKeys& keys_;
  std::optional<quorum::QueueEntry> waiter_;  // this process
  std::vector<bool> entered_;
  std::vector<quorum::RequestId> leaving_;  // 0: none
};

}  // namespace redlock::lock

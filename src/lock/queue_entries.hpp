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
  QueueEntries(const std::vector<redis::LockKeys>& keys, std::size_t nodes)
      : keys_{keys}, entered_(nodes), leaving_(nodes) {}

  // An acquire or probe request may enter the queue of its node. Its grant leaves it; that of an earlier one, read later,
  // says nothing.
  void on_sent(const quorum::Send& send);
  void on_reply(quorum::NodeIndex node, quorum::RequestId id, const quorum::Reply& reply);

  // The requests that leave all queues.
  std::vector<redis::Query> leave(const redis::Nodes& nodes, quorum::RequestIds& ids, TimePoint deadline);
  // Whether the event is the outcome of one of these.
  bool take(const redis::Event& event);
  bool owes(quorum::NodeIndex node) const { return leaving_[node] != 0; }

 private:
  const std::vector<redis::LockKeys>& keys_;
  std::optional<quorum::QueueEntry> waiter_;  // this process
  std::vector<quorum::RequestId> entered_;    // by the last request that may have; 0: none
  std::vector<quorum::RequestId> leaving_;    // 0: none
};

}  // namespace redlock::lock

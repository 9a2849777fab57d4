#include "lock/queue_entries.hpp"

#include "redis/queue.hpp"

namespace redlock::lock {

void QueueEntries::on_sent(const quorum::Send& send) {
  const auto* acquire = std::get_if<quorum::AcquireRequest>(&send.request);
  const auto* probe = std::get_if<quorum::ProbeRequest>(&send.request);
  const auto waiter = acquire != nullptr ? acquire->waiter : probe != nullptr ? probe->waiter : std::nullopt;
  if (!waiter) return;
  waiter_ = waiter;
  entered_[send.node] = send.id;
}

void QueueEntries::on_reply(quorum::NodeIndex node, quorum::RequestId id, const quorum::Reply& reply) {
  if (id == entered_[node] && std::holds_alternative<quorum::Granted>(reply)) entered_[node] = 0;
}

std::vector<redis::Query> QueueEntries::leave(const redis::Nodes& nodes, quorum::RequestIds& ids,
                                              TimePoint deadline) {
  std::vector<redis::Query> queries;
  for (quorum::NodeIndex node = 0; node < entered_.size(); ++node) {
    if (entered_[node] == 0) continue;
    entered_[node] = 0;
    if (!nodes.reached(node)) continue;
    leaving_[node] = ids.next();
    queries.push_back({.node = node,
                       .id = leaving_[node],
                       .words = redis::leave_words(keys_, *waiter_),
                       .deadline = deadline});
  }
  return queries;
}

bool QueueEntries::take(const redis::Event& event) {
  if (event.id == 0 || event.id != leaving_[event.node]) return false;
  leaving_[event.node] = 0;
  return true;
}

}  // namespace redlock::lock

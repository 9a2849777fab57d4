#include "lock/node_monitor.hpp"

#include "base/log.hpp"
#include "lock/report.hpp"
#include "redis/node_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace redlock::lock {

void NodeMonitor::on_sent(TimePoint now, const quorum::Send& send) {
  auto& since = states_[send.node].extending_since;
  if (std::holds_alternative<quorum::ExtendRequest>(send.request) && !since) since = now;
}

void NodeMonitor::on_reply(quorum::NodeIndex node, const quorum::Reply& reply) {
  NodeState& state = states_[node];
  state.extending_since.reset();
  const bool was_down = std::exchange(state.failure, std::nullopt).has_value();
  if (was_down && observer_ != nullptr) observer_->node_up(nodes_.endpoint(node).display());
  const bool is_vote = !std::holds_alternative<quorum::Released>(reply);
  if (is_vote && membership_.anonymous(node) && !std::exchange(state.warned_of_anonymity, true)) {
    log::warning(fmt::format("{}: {}", nodes_.endpoint(node).display(), kWithoutIdentity));
  }
}

void NodeMonitor::on_failure(quorum::NodeIndex node, const quorum::Failure& failure) {
  if (failure.kind == redis::NodeError::Cancelled) return;
  NodeState& state = states_[node];
  state.extending_since.reset();
  const bool news = !state.failure && observer_ != nullptr;
  state.failure = failure;
  if (!news && !log::enabled(log::Level::Debug)) return;
  const redis::NodeEndpoint& endpoint = nodes_.endpoint(node);
  const std::string why = redis::describe(failure, endpoint);
  log::debug(fmt::format("{}: {}", endpoint.display(), why));
  if (news) observer_->node_down(endpoint.display(), why);
}

TimePoint NodeMonitor::deadline() const {
  TimePoint next = TimePoint::max();
  for (const NodeState& state : states_) {
    if (state.extending_since && !state.failure)
      next = std::min(next, *state.extending_since + node_timeout_);
  }
  return next;
}

void NodeMonitor::on_time(TimePoint now) {
  for (quorum::NodeIndex node = 0; node < states_.size(); ++node) {
    const NodeState& state = states_[node];
    if (state.failure || !state.extending_since || now < *state.extending_since + node_timeout_) continue;
    on_failure(node, redis::node_failure(redis::NodeError::TimedOut, std::string{nodes_.waits_for(node)}));
  }
}

void NodeMonitor::warn_of_duplicate() {
  const auto same = membership_.duplicate();
  if (!same || std::exchange(warned_of_duplicate_, true)) return;
  log::warning(fmt::format("nodes {} and {} are one and the same server: name each server once",
                           nodes_.endpoint(same->first).display(), nodes_.endpoint(same->second).display()));
}

void NodeMonitor::warn_of_other_server(quorum::NodeIndex node) {
  if (std::exchange(states_[node].warned_of_other_server, true)) return;
  log::warning(fmt::format(
      "{}: leads to more than one server, as through a load balancer: its answers do not count for this "
      "lock any more. Name each server by an address of its own",
      nodes_.endpoint(node).display()));
}

}  // namespace redlock::lock

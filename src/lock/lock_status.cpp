#include "lock/lock_status.hpp"

#include <algorithm>
#include <map>

namespace redlock::lock {
namespace {

bool counts(const Observation& observation, quorum::VoteEligibility eligibility) {
  const redis::NodeLockState* state = observation.state();
  if (state == nullptr) return false;
  return eligibility == quorum::VoteEligibility::Voter ||
         (eligibility == quorum::VoteEligibility::Quarantined && state->holder);
}

// The contender that these nodes show.
Contender contender_of(const quorum::Token& token, const std::vector<quorum::NodeIndex>& holding,
                       const Observations& observations, const quorum::Membership& membership) {
  Contender contender{.token = token, .nodes = {}, .info = {}};
  std::map<quorum::Fence, quorum::NodeSet> counters;
  std::vector<quorum::Membership::Later> expiries;
  bool all_rest = true;
  for (const quorum::NodeIndex node : holding) {
    const redis::NodeLockState& state = *observations[node].state();
    contender.nodes.add(node, membership.server_of(node));
    contender.ttl = std::max({contender.ttl, state.remaining, state.holder_ttl});
    if (is_anonymous(contender.info)) contender.info = state.info;
    all_rest = all_rest && state.info.resting;
    if (state.counter != 0) counters[state.counter].add(node, membership.server_of(node));
    if (state.remaining.count() >= 0) expiries.push_back({state.remaining, node});
  }
  if (!all_rest) contender.info.resting.reset();
  const quorum::NodeSet others = membership.nodes_where([&](quorum::NodeIndex node) {
    return std::find(holding.begin(), holding.end(), node) == holding.end();
  });
  contender.free_in = membership.quorum_after(others, std::move(expiries));
  // The fence of a grant is final once a quorum of counters has it (DESIGN section 3, "Fence"). A late vote's counter
  // may be above it, that of a vote that was not needed below. Another library's holder has none.
  for (const auto& [fence, nodes] : counters) {
    if (membership.is_quorum(nodes) && !is_anonymous(contender.info)) contender.fence = fence;
  }
  return contender;
}

LockState state_of(const LockStatus& status, const quorum::Membership& membership) {
  const auto& contenders = status.contenders;
  if (!contenders.empty() && membership.is_quorum(contenders.front().nodes)) return LockState::Held;
  // The nodes that say nothing may all have the same token, one that was seen or another.
  quorum::NodeSet hidden =
      membership.nodes_where([&](quorum::NodeIndex node) { return !status.answered.contains(node); });
  if (!contenders.empty()) hidden.add(contenders.front().nodes);
  if (!membership.is_quorum(status.answered) || membership.is_quorum(hidden)) return LockState::Unknown;
  return contenders.empty() ? LockState::Free : LockState::Split;
}

LockStatus add_up(const Observations& observations, const quorum::Membership& membership) {
  LockStatus sum;
  std::map<quorum::Token, std::vector<quorum::NodeIndex>> holders;
  std::map<quorum::Token, quorum::NodeSet> bars;
  for (quorum::NodeIndex node = 0; node < observations.size(); ++node) {
    const Observation& observation = observations[node];
    if (!counts(observation, membership.eligibility(node, observation.sent))) continue;
    const redis::NodeLockState& state = *observation.state();
    sum.answered.add(node, membership.server_of(node));
    sum.waiting = std::max(sum.waiting, state.waiting);
    if (state.holder) holders[*state.holder].push_back(node);
    if (state.kept_for) bars[*state.kept_for].add(node, membership.server_of(node));
  }
  for (const auto& [token, nodes] : holders)
    sum.contenders.push_back(contender_of(token, nodes, observations, membership));
  std::stable_sort(sum.contenders.begin(), sum.contenders.end(),
                   [](const Contender& a, const Contender& b) { return a.votes() > b.votes(); });
  sum.state = state_of(sum, membership);
  for (const auto& [waiter, nodes] : bars) {
    if (sum.state == LockState::Free && membership.is_quorum(nodes)) sum.kept_for = waiter;
  }
  return sum;
}

bool enough_answer(const Observations& observations, const quorum::Membership& membership) {
  return membership.is_quorum(membership.nodes_where([&](quorum::NodeIndex node) {
    return observations[node].state() != nullptr && membership.counts_as_there(node, observations[node].sent);
  }));
}

// When no node shows it any more; none: never.
std::optional<Duration> gone_in(const Contender& contender, const Observations& observations) {
  Duration longest{};
  for (const Observation& observation : observations) {
    const redis::NodeLockState* const state = observation.state();
    if (state == nullptr || state->holder != contender.token) continue;
    if (state->remaining.count() < 0) return std::nullopt;
    longest = std::max<Duration>(longest, state->remaining);
  }
  return longest;
}

}  // namespace

bool is_anonymous(const quorum::HolderInfo& info) {
  return info.host.empty() && info.user.empty() && info.pid == 0;
}

quorum::Membership membership_shown(const Observations& observations, quorum::Membership membership) {
  for (quorum::NodeIndex node = 0; node < observations.size(); ++node) {
    const Observation& observation = observations[node];
    const redis::NodeLockState* const state = observation.state();
    if (state == nullptr) continue;
    const quorum::Refused refused{.holder = state->holder.value_or(quorum::Token{}),
                                  .remaining = state->remaining,
                                  .info = state->info,
                                  .holder_ttl = state->holder_ttl};
    const Now read{.boot = observation.sent + observation.took, .wall_us = 0};
    membership.on_answer(read, observation.sent, node, state->holder ? &refused : nullptr);
  }
  return membership;
}

LockStatus lock_status(const Observations& observations, const quorum::Membership& membership) {
  LockStatus status = add_up(observations, membership);
  if (status.state == LockState::Held || status.contenders.empty()) return status;
  const LockStatus shown = add_up(observations, membership_shown(observations, membership));
  if (shown.state != LockState::Unknown) return status;
  // Within the configured quarantine a holder may be about to set its token again.
  const bool rests = status.contenders.front().info.resting && enough_answer(observations, membership);
  if (status.state != LockState::Split && !rests) return status;
  status.state = LockState::Unknown;
  status.leftover = true;
  for (Contender& contender : status.contenders) contender.free_in = gone_in(contender, observations);
  return status;
}

}  // namespace redlock::lock

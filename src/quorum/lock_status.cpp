#include "quorum/lock_status.hpp"

#include <algorithm>
#include <map>

namespace redlock::quorum {
namespace {

struct TokenSightings {
  std::vector<const NodeLockState*> states;
};

bool counts(const Observation& observation, VoteEligibility eligibility) {
  const NodeLockState* state = observation.state();
  if (state == nullptr) return false;
  return eligibility == VoteEligibility::Voter ||
         (eligibility == VoteEligibility::Quarantined && state->holder);
}

// When so many of the keys will have expired that a quorum of all nodes is free of this token.
std::optional<Duration> free_in(const TokenSightings& holding, const Membership& membership) {
  std::vector<Duration> remaining;
  for (const NodeLockState* state : holding.states) {
    if (state->remaining.count() >= 0) remaining.push_back(state->remaining);
  }
  const std::size_t free = membership.nodes() - holding.states.size();
  if (free >= membership.quorum()) return Duration::zero();
  const std::size_t needed = membership.quorum() - free;  // so many must expire
  if (needed > remaining.size()) return std::nullopt;
  std::sort(remaining.begin(), remaining.end());
  return remaining[needed - 1];
}

// The fence of a grant is final once a quorum of counters has it (DESIGN section 3, "Fence"). A late vote's counter may
// be above it, that of a vote that was not needed below.
Fence agreed_fence(const TokenSightings& holding, const Membership& membership) {
  std::map<Fence, std::size_t> counters;
  for (const NodeLockState* state : holding.states) {
    if (state->counter != 0 && ++counters[state->counter] >= membership.quorum()) return state->counter;
  }
  return 0;
}

Contender contender_of(const Token& token, const TokenSightings& holding, const Membership& membership) {
  Contender contender{.token = token,
                      .votes = holding.states.size(),
                      .info = {},
                      .ttl = {},
                      .fence = agreed_fence(holding, membership),
                      .free_in = free_in(holding, membership)};
  for (const NodeLockState* state : holding.states)
    contender.ttl = std::max({contender.ttl, state->remaining, state->holder_ttl});
  for (const NodeLockState* state : holding.states) {
    if (is_anonymous(state->info)) continue;
    contender.info = state->info;
    break;
  }
  if (is_anonymous(contender.info)) contender.fence = 0;  // another library's holder has none
  return contender;
}

LockState state_of(const LockStatus& status, const Membership& membership) {
  const std::size_t missing = membership.nodes() - status.answered;
  const std::size_t most = status.contenders.empty() ? 0 : status.contenders.front().votes;
  if (most >= membership.quorum()) return LockState::Held;
  if (status.answered < membership.quorum() || most + missing >= membership.quorum())
    return LockState::Unknown;
  return status.contenders.empty() ? LockState::Free : LockState::Split;
}

}  // namespace

bool is_anonymous(const HolderInfo& info) {
  return info.host.empty() && info.user.empty() && info.pid == 0;
}

LockStatus lock_status(const Observations& observations, const Membership& membership) {
  LockStatus sum;
  std::map<Token, TokenSightings> holdings;
  for (NodeIndex node = 0; node < observations.size(); ++node) {
    const Observation& observation = observations[node];
    if (!counts(observation, membership.eligibility(node, observation.sent))) continue;
    const NodeLockState& state = *observation.state();
    ++sum.answered;
    sum.waiting = std::max(sum.waiting, state.waiting);
    if (state.holder) holdings[*state.holder].states.push_back(&state);
  }
  for (const auto& [token, holding] : holdings)
    sum.contenders.push_back(contender_of(token, holding, membership));
  std::stable_sort(sum.contenders.begin(), sum.contenders.end(),
                   [](const Contender& a, const Contender& b) { return a.votes > b.votes; });
  sum.state = state_of(sum, membership);
  return sum;
}

}  // namespace redlock::quorum

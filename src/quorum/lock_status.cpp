#include "quorum/lock_status.hpp"

#include <algorithm>
#include <map>

namespace redlock::quorum {
namespace {

bool counts(const Observation& observation, VoteEligibility eligibility) {
  const NodeLockState* state = observation.state();
  if (state == nullptr) return false;
  return eligibility == VoteEligibility::Voter ||
         (eligibility == VoteEligibility::Quarantined && state->holder);
}

// The contender that these nodes show.
Contender contender_of(const Token& token, const std::vector<NodeIndex>& holding,
                       const Observations& observations, const Membership& membership) {
  Contender contender{.token = token, .nodes = {}, .info = {}};
  std::map<Fence, NodeSet> counters;
  std::vector<Membership::Later> expiries;
  for (const NodeIndex node : holding) {
    const NodeLockState& state = *observations[node].state();
    contender.nodes.add(node, membership.server_of(node));
    contender.ttl = std::max({contender.ttl, state.remaining, state.holder_ttl});
    if (is_anonymous(contender.info)) contender.info = state.info;
    if (state.counter != 0) counters[state.counter].add(node, membership.server_of(node));
    if (state.remaining.count() >= 0) expiries.push_back({state.remaining, node});
  }
  const NodeSet others = membership.nodes_where(
      [&](NodeIndex node) { return std::find(holding.begin(), holding.end(), node) == holding.end(); });
  contender.free_in = membership.quorum_after(others, std::move(expiries));
  // The fence of a grant is final once a quorum of counters has it (DESIGN section 3, "Fence"). A late vote's counter
  // may be above it, that of a vote that was not needed below. Another library's holder has none.
  for (const auto& [fence, nodes] : counters) {
    if (membership.is_quorum(nodes) && !is_anonymous(contender.info)) contender.fence = fence;
  }
  return contender;
}

LockState state_of(const LockStatus& status, const Membership& membership) {
  const auto& contenders = status.contenders;
  if (!contenders.empty() && membership.is_quorum(contenders.front().nodes)) return LockState::Held;
  // The nodes that say nothing may all have the same token, one that was seen or another.
  NodeSet hidden = membership.nodes_where([&](NodeIndex node) { return !status.answered.contains(node); });
  if (!contenders.empty()) hidden.add(contenders.front().nodes);
  if (!membership.is_quorum(status.answered) || membership.is_quorum(hidden)) return LockState::Unknown;
  return contenders.empty() ? LockState::Free : LockState::Split;
}

}  // namespace

bool is_anonymous(const HolderInfo& info) {
  return info.host.empty() && info.user.empty() && info.pid == 0;
}

LockStatus lock_status(const Observations& observations, const Membership& membership) {
  LockStatus sum;
  std::map<Token, std::vector<NodeIndex>> holders;
  for (NodeIndex node = 0; node < observations.size(); ++node) {
    const Observation& observation = observations[node];
    if (!counts(observation, membership.eligibility(node, observation.sent))) continue;
    const NodeLockState& state = *observation.state();
    sum.answered.add(node, membership.server_of(node));
    sum.waiting = std::max(sum.waiting, state.waiting);
    if (state.holder) holders[*state.holder].push_back(node);
  }
  for (const auto& [token, nodes] : holders)
    sum.contenders.push_back(contender_of(token, nodes, observations, membership));
  std::stable_sort(sum.contenders.begin(), sum.contenders.end(),
                   [](const Contender& a, const Contender& b) { return a.votes() > b.votes(); });
  sum.state = state_of(sum, membership);
  return sum;
}

}  // namespace redlock::quorum

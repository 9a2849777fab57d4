#include "quorum/membership.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace redlock::quorum {
namespace {

// A lock is rarely held with a longer TTL.
constexpr Duration kLongTtl = std::chrono::hours{1};

}  // namespace

void NodeSet::add(const NodeSet& others) {
  members_.insert(members_.end(), others.members_.begin(), others.members_.end());
}

bool NodeSet::contains(NodeIndex node) const {
  return std::any_of(members_.begin(), members_.end(),
                     [&](const auto& member) { return member.first == node; });
}

std::size_t NodeSet::votes() const {
  std::size_t number = 0;
  for (auto member = members_.begin(); member != members_.end(); ++member) {
    const bool again = std::any_of(members_.begin(), member,
                                   [&](const auto& before) { return before.second == member->second; });
    if (!again) ++number;
  }
  return number;
}

bool Membership::is_quorum(const NodeSet& set) const {
  return set.votes() >= votes_needed(nodes());
}

std::optional<Duration> Membership::quorum_after(NodeSet now, std::vector<Later> later) const {
  std::sort(later.begin(), later.end(), [](const Later& a, const Later& b) { return a.after < b.after; });
  Duration after{};
  for (auto next = later.begin(); !is_quorum(now); ++next) {
    if (next == later.end()) return std::nullopt;
    after = next->after;
    now.add(next->node, server_of(next->node));
  }
  return after;
}

void Membership::on_answer(Now now, TimePoint sent, NodeIndex node, const Refused* refused) {
  const auto& known = known_[node];
  const bool named = known && known->identity.known && !known->identity.run_id.empty();
  seen_.on_answer({.sent = sent,
                   .read = now.boot,
                   .node = node,
                   .server = named ? std::optional{known->server} : std::nullopt,
                   .refused = refused});
}

Duration Membership::quarantine(TimePoint sent) const {
  return quarantine_ > Duration::zero() ? std::max(quarantine_, seen_.longest_ttl(sent)) : quarantine_;
}

bool Membership::young(NodeIndex node, TimePoint sent) const {
  const auto& known = known_[node];
  return quarantine_ > Duration::zero() && known && known->identity.known && uptime(*known, sent) < kLongTtl;
}

void Membership::on_identity(Now now, NodeIndex node, const Identity& identity) {
  const auto& before = known_[node];
  const bool same_process = before && !identity.run_id.empty() && before->identity.run_id == identity.run_id;
  known_[node] =
      KnownNode{.identity = identity,
                .server = identity.run_id.empty() ? node : std::hash<std::string_view>{}(identity.run_id),
                .heard = now.boot,
                .first_heard = same_process ? before->first_heard : now.boot};
}

// Never too much: the node said it before `heard`, and what INFO says is the difference of two clock readings
// that are each cut to whole seconds, so up to a second more than the truth. A node whose clock was set back behind its
// start says nothing of use, also on later connections: of that one our own clock tells how long we know it.
Duration Membership::uptime(const KnownNode& known, TimePoint at) const {
  const Duration said = std::max<Duration>(known.identity.uptime - std::chrono::seconds{1}, Duration::zero());
  return std::max(said + std::max(at - known.heard, Duration::zero()), at - known.first_heard);
}

Duration Membership::least_uptime(NodeIndex node, TimePoint at) const {
  return known_[node] ? uptime(*known_[node], at) : Duration::zero();
}

VoteEligibility Membership::eligibility(NodeIndex node, TimePoint sent) const {
  const auto& known = known_[node];
  if (!known) return VoteEligibility::Voter;
  if (!known->identity.known) return one_slot_ ? VoteEligibility::Anonymous : VoteEligibility::Voter;
  if (known->identity.cluster) return VoteEligibility::ClusterMode;
  if (known->identity.role == Role::Replica) return VoteEligibility::Replica;
  if (known->identity.role == Role::Sentinel) return VoteEligibility::Sentinel;
  return quarantine_left(node, sent) > Duration::zero() ? VoteEligibility::Quarantined
                                                        : VoteEligibility::Voter;
}

bool Membership::counts_as_there(NodeIndex node, TimePoint sent) const {
  const VoteEligibility is = eligibility(node, sent);
  return is == VoteEligibility::Voter || is == VoteEligibility::Quarantined;
}

Duration Membership::quarantine_left(NodeIndex node, TimePoint at) const {
  const auto& known = known_[node];
  if (!known || !known->identity.known || quarantine_ == Duration::zero()) return Duration::zero();
  const Duration up = uptime(*known, at);
  return std::max({quarantine_ - up, seen_.unknown_for(up, at), Duration::zero()});
}

std::optional<std::pair<NodeIndex, NodeIndex>> Membership::duplicate() const {
  for (NodeIndex b = 1; b < known_.size(); ++b) {
    if (!known_[b] || !known_[b]->identity.known || known_[b]->identity.run_id.empty()) continue;
    for (NodeIndex a = 0; a < b; ++a) {
      if (known_[a] && known_[a]->identity.run_id == known_[b]->identity.run_id) return std::pair{a, b};
    }
  }
  return std::nullopt;
}

}  // namespace redlock::quorum

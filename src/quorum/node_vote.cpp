#include "quorum/node_vote.hpp"

#include <map>

namespace redlock::quorum {
namespace {

// Failures after which no byte of the request can have reached the node.
bool never_reached(Failure::Kind kind) {
  using enum Failure::Kind;
  switch (kind) {
    case Unresolved:
    case Refused:
    case Unreachable:
    case TlsFailed:
    case Cancelled: return true;
    default: return false;
  }
}

}  // namespace

bool NodeVote::may_hold_token() const {
  if (may_have_held || pending() || granted() != nullptr) return true;
  return failure() != nullptr && !never_reached(failure()->kind);
}

bool is_vote(const NodeVotes& votes, NodeIndex node, const Membership& membership) {
  const NodeVote& vote = votes[node];
  return vote.granted() != nullptr && membership.eligibility(node, vote.sent) == VoteEligibility::Voter &&
         membership.server_of(node) == vote.server;
}

VoteCount count_votes(const NodeVotes& votes, const Membership& membership) {
  VoteCount sum;
  std::map<Token, std::pair<std::size_t, const Refused*>> rivals;
  for (NodeIndex node = 0; node < votes.size(); ++node) {
    const NodeVote& vote = votes[node];
    if (vote.pending()) ++sum.pending;
    if (vote.failure() != nullptr) ++sum.failed;
    if (!vote.answered()) continue;
    ++sum.answered;
    const VoteEligibility eligibility = membership.eligibility(node, vote.sent);
    if (eligibility != VoteEligibility::Voter) ++sum.voteless;
    if (is_vote(votes, node, membership)) ++sum.own;
    // A node in quarantine may have forgotten a lock, but one that it has is there.
    const bool witness = eligibility == VoteEligibility::Voter || eligibility == VoteEligibility::Quarantined;
    if (const Refused* refused = vote.refused(); refused != nullptr && witness) {
      auto& [count, example] = rivals[refused->holder];
      ++count;
      example = refused;
    }
  }
  sum.rivals = rivals.size();
  for (const auto& [token, rival] : rivals) {  // in token order, so that a tie goes to the lesser token
    if (rival.first > sum.strongest_rival_votes) {
      sum.strongest_rival_votes = rival.first;
      sum.strongest_rival = rival.second;
    }
  }
  return sum;
}

}  // namespace redlock::quorum

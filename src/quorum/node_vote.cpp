#include "quorum/node_vote.hpp"

#include <map>

namespace redlock::quorum {
bool NodeVote::may_hold_token() const {
  if (may_have_held || pending() || granted() != nullptr) return true;
  return failure() != nullptr && failure()->may_have_arrived;
}

bool is_vote(const NodeVotes& votes, NodeIndex node, const Membership& membership) {
  const NodeVote& vote = votes[node];
  return vote.granted() != nullptr && membership.eligibility(node, vote.sent) == VoteEligibility::Voter &&
         membership.server_of(node) == vote.server;
}

VoteCount count_votes(const NodeVotes& votes, const Membership& membership) {
  VoteCount sum;
  struct Rival {
    NodeSet nodes;
    const Refused* example = nullptr;
  };
  std::map<Token, Rival> rivals;
  for (NodeIndex node = 0; node < votes.size(); ++node) {
    const NodeVote& vote = votes[node];
    const ServerId server = membership.server_of(node);
    const VoteEligibility eligibility = membership.eligibility(node, vote.sent);
    if (vote.pending()) sum.pending = true;
    if (vote.answered()) sum.answered.add(node, server);
    if (vote.failure() == nullptr) {
      sum.reachable.add(node, server);
      if (!vote.answered() || eligibility == VoteEligibility::Voter) sum.eligible.add(node, server);
    }
    if (is_vote(votes, node, membership)) sum.own.add(node, server);
    // A node in quarantine may have forgotten a lock, but one that it has is there.
    const bool witness = eligibility == VoteEligibility::Voter || eligibility == VoteEligibility::Quarantined;
    if (const Refused* refused = vote.refused(); refused != nullptr && witness) {
      Rival& rival = rivals[refused->holder];
      rival.nodes.add(node, server);
      rival.example = refused;
    }
  }
  sum.rivals = rivals.size();
  for (const auto& [token, rival] : rivals) {  // in token order, so that a tie goes to the lesser token
    if (rival.nodes.votes() > sum.of_strongest_rival.votes()) {
      sum.of_strongest_rival = rival.nodes;
      sum.strongest_rival = rival.example;
    }
  }
  return sum;
}

}  // namespace redlock::quorum

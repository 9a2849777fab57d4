#include "quorum/node_vote.hpp"

#include <algorithm>
#include <map>
#include <utility>

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

std::optional<Duration> free_in(const NodeVotes& votes, const Membership& membership, const Token* holder) {
  NodeSet free;
  std::vector<Membership::Later> later;
  for (NodeIndex node = 0; node < votes.size(); ++node) {
    const Refused* refused = votes[node].refused();
    const bool in_the_way = refused != nullptr && (holder == nullptr || refused->holder == *holder);
    const bool hangs = votes[node].pending() && holder == nullptr;
    if (votes[node].failure() == nullptr && !in_the_way && !hangs) free.add(node, membership.server_of(node));
    if (in_the_way && refused->remaining.count() >= 0) later.push_back({refused->remaining, node});
  }
  return membership.quorum_after(std::move(free), std::move(later));
}

std::optional<QueuePosition> queue_position(const NodeVotes& votes) {
  std::vector<QueuePosition> positions;
  for (const NodeVote& vote : votes) {
    const Refused* refused = vote.refused();
    if (refused != nullptr && refused->position) positions.push_back(*refused->position);
  }
  if (positions.empty()) return std::nullopt;
  const auto middle = positions.begin() + static_cast<std::ptrdiff_t>(positions.size() / 2);
  std::nth_element(positions.begin(), middle, positions.end(),
                   [](const auto& one, const auto& other) { return one.ahead < other.ahead; });
  return *middle;
}

}  // namespace redlock::quorum

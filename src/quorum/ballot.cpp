#include "quorum/ballot.hpp"

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

bool Ballot::may_hold_token() const {
  if (may_have_held || pending() || granted() != nullptr) return true;
  return failure() != nullptr && !never_reached(failure()->kind);
}

bool votes(const Ballots& ballots, NodeIndex node, const Electorate& electorate) {
  const Ballot& ballot = ballots[node];
  return ballot.granted() != nullptr && electorate.standing(node, ballot.sent) == Standing::Voter &&
         electorate.server_of(node) == ballot.server;
}

Tally tally(const Ballots& ballots, const Electorate& electorate) {
  Tally sum;
  std::map<Token, std::pair<std::size_t, const Refused*>> rivals;
  for (NodeIndex node = 0; node < ballots.size(); ++node) {
    const Ballot& ballot = ballots[node];
    if (ballot.pending()) ++sum.pending;
    if (ballot.failure() != nullptr) ++sum.failed;
    if (!ballot.answered()) continue;
    ++sum.answered;
    const Standing standing = electorate.standing(node, ballot.sent);
    if (standing != Standing::Voter) ++sum.voteless;
    if (votes(ballots, node, electorate)) ++sum.own;
    // A node in quarantine may have forgotten a lock, but one that it has is there.
    const bool witness = standing == Standing::Voter || standing == Standing::Quarantined;
    if (const Refused* refused = ballot.refused(); refused != nullptr && witness) {
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

#include "quorum/node_vote.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace redlock::quorum {
namespace {

// Another token, and where it is: on any name, and on each.
struct Rival {
  struct OfName {
    NodeSet nodes;
    const Refused* example = nullptr;
  };
  NodeSet nodes;
  std::map<std::size_t, OfName> names;
};
using Rivals = std::map<Token, Rival>;  // in token order, so that a tie goes to the lesser token

void add_rivals(Rivals& rivals, const Refused& refused, NodeIndex node, ServerId server) {
  refused.each_name([&](const Refused& name) {
    Rival& rival = rivals[name.holder];
    if (!rival.nodes.contains(node)) rival.nodes.add(node, server);
    Rival::OfName& of_name = rival.names[name.name];
    of_name.nodes.add(node, server);
    const bool held = of_name.example != nullptr && !of_name.example->info.resting;
    if (!held) of_name.example = &name;  // it rests only if all say so
  });
}

}  // namespace

bool NodeVote::may_hold_token() const {
  if (may_have_held || pending() || granted() != nullptr) return true;
  return failure() != nullptr && failure()->may_have_arrived;
}

bool is_vote(const NodeVotes& votes, NodeIndex node, const Membership& membership) {
  const NodeVote& vote = votes[node];
  return vote.granted() != nullptr && membership.eligibility(node, vote.sent) == VoteEligibility::Voter &&
         membership.server_of(node) == vote.server;
}

bool any_straggler(const NodeVotes& votes) {
  return std::any_of(votes.begin(), votes.end(),
                     [](const NodeVote& vote) { return vote.pending() && !vote.was_silent; });
}

bool any_young_vote(const NodeVotes& votes, const Membership& membership) {
  for (NodeIndex node = 0; node < votes.size(); ++node) {
    if (is_vote(votes, node, membership) && membership.young(node, votes[node].sent)) return true;
  }
  return false;
}

VoteCount count_votes(const NodeVotes& votes, const Membership& membership) {
  VoteCount sum;
  Rivals rivals;
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
    if (vote.free() && eligibility == VoteEligibility::Voter) sum.free.add(node, server);
    const Refused* const refused = vote.refused();
    if (refused != nullptr && membership.counts_as_there(node, vote.sent))
      add_rivals(rivals, *refused, node, server);
  }
  sum.rivals = rivals.size();
  for (const auto& [token, rival] : rivals) {
    if (rival.nodes.votes() > sum.of_strongest_rival.votes()) {
      sum.strongest_rival = token;
      sum.of_strongest_rival = rival.nodes;
    }
    for (const auto& [name, of_name] : rival.names) {
      if (sum.holder != nullptr || !membership.is_quorum(of_name.nodes)) continue;
      sum.holder = of_name.example;
      sum.of_holder = of_name.nodes;
    }
  }
  return sum;
}

Fence greatest_fence(const NodeVotes& votes, const Membership& membership) {
  Fence greatest = 0;
  for (NodeIndex node = 0; node < votes.size(); ++node) {
    if (is_vote(votes, node, membership)) greatest = std::max(greatest, votes[node].granted()->fence);
  }
  return greatest;
}

ConfirmationCount count_confirmations(const NodeVotes& votes, const Membership& membership, Fence fence) {
  ConfirmationCount sum;
  for (NodeIndex node = 0; node < votes.size(); ++node) {
    const NodeVote& vote = votes[node];
    const ServerId server = membership.server_of(node);
    if (vote.pending()) sum.possible.add(node, server);
    if (!is_vote(votes, node, membership)) continue;
    const Fence granted = vote.granted()->fence;  // above the final one in a late vote
    const bool asked = vote.confirmation != Confirmation::NotAsked;
    const bool accepts = asked ? vote.confirmation == Confirmation::Accepted : granted == fence;
    const bool may_accept = asked ? vote.confirmation == Confirmation::Awaited : granted < fence;
    if (accepts) sum.accepted.add(node, server);
    if (accepts || may_accept) sum.possible.add(node, server);
    if (!asked && may_accept) sum.unasked.push_back(node);
  }
  return sum;
}

std::optional<Duration> free_in(const NodeVotes& votes, const Membership& membership, const Token* holder) {
  NodeSet free;
  std::vector<Membership::Later> later;
  for (NodeIndex node = 0; node < votes.size(); ++node) {
    bool in_the_way = false;
    bool ends = true;
    Duration remaining{};
    if (const Refused* refused = votes[node].refused()) {
      refused->each_name([&](const Refused& name) {
        if (holder != nullptr && name.holder != *holder) return;
        in_the_way = true;
        ends = ends && name.remaining.count() >= 0;
        remaining = std::max<Duration>(remaining, name.remaining);
      });
    }
    const bool hangs = votes[node].pending() && holder == nullptr;
    if (votes[node].failure() == nullptr && !in_the_way && !hangs) free.add(node, membership.server_of(node));
    if (in_the_way && ends) later.push_back({remaining, node});
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

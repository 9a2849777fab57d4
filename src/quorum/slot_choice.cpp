#include "quorum/slot_choice.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

namespace redlock::quorum {
namespace {

// What the node says of the slot; null: it is free there, or ours.
const Refused* taken(const NodeVote& vote, Slot slot) {
  const auto found = std::find_if(vote.slots.begin(), vote.slots.end(),
                                  [&](const Refused& each) { return each.name == slot; });
  return found == vote.slots.end() ? nullptr : &*found;
}

}  // namespace

std::vector<Refused> taken_slots(const Reply& reply) {
  if (const auto* granted = std::get_if<Granted>(&reply)) return granted->slots;
  if (const auto* free = std::get_if<Free>(&reply)) return free->slots;
  const auto* refused = std::get_if<Refused>(&reply);
  if (refused == nullptr) return {};
  if (!refused->slots.empty()) return refused->slots;
  std::vector<Refused> slots{*refused};  // of a probe
  slots.insert(slots.end(), refused->others.begin(), refused->others.end());
  return slots;
}

std::optional<Refused> as_one(const std::vector<Refused>& slots) {
  if (slots.empty()) return std::nullopt;
  Refused all = slots.front();
  all.others.assign(slots.begin() + 1, slots.end());
  return all;
}

SlotChoice::SlotChoice(std::size_t slots, Entropy& entropy)
    : slots_{slots}, entropy_{entropy}, current_{slots == 0 ? 0 : 1 + entropy.next() % slots} {
}

std::optional<Slot> SlotChoice::find_free(const NodeVotes& votes, const Membership& membership, Slot except) {
  std::vector<Slot> free;
  for (Slot slot = 1; slot <= slots_; ++slot) {
    const NodeSet nodes = membership.nodes_where([&](NodeIndex node) {
      const NodeVote& vote = votes[node];
      return vote.answered() && taken(vote, slot) == nullptr &&
             membership.eligibility(node, vote.sent) == VoteEligibility::Voter;
    });
    if (slot != except && membership.is_quorum(nodes)) free.push_back(slot);
  }
  if (free.empty()) return std::nullopt;
  return free[entropy_.next() % free.size()];
}

void SlotChoice::move_to(Slot slot) {
  current_ = slot;
  probes_ = 0;
}

std::optional<SlotChoice::SlotHolder> SlotChoice::holder_of(Slot slot, const NodeVotes& votes,
                                                            const Membership& membership) const {
  std::map<Token, NodeSet> holders;
  for (NodeIndex node = 0; node < votes.size(); ++node) {
    const Refused* const refused = taken(votes[node], slot);
    if (refused != nullptr && membership.counts_as_there(node, votes[node].sent))
      holders[refused->holder].add(node, membership.server_of(node));
  }
  const auto holder = std::find_if(holders.begin(), holders.end(),
                                   [&](const auto& each) { return membership.is_quorum(each.second); });
  if (holder == holders.end()) return std::nullopt;

  SlotHolder found{.example = nullptr, .votes = holder->second.votes(), .free_in = {}};
  NodeSet free;
  std::vector<Membership::Later> later;
  for (NodeIndex node = 0; node < votes.size(); ++node) {
    const Refused* const refused = taken(votes[node], slot);
    if (refused == nullptr || refused->holder != holder->first) {
      if (votes[node].failure() == nullptr) free.add(node, membership.server_of(node));
      continue;
    }
    found.example = refused;
    if (refused->remaining.count() >= 0) later.push_back({.after = refused->remaining, .node = node});
  }
  found.free_in = membership.quorum_after(std::move(free), std::move(later));
  return found;
}

std::vector<SlotChoice::SlotHolder> SlotChoice::holders_of_all(const NodeVotes& votes,
                                                               const Membership& membership) const {
  std::vector<SlotHolder> holders;
  for (Slot slot = 1; slot <= slots_; ++slot) {
    const auto holder = holder_of(slot, votes, membership);
    if (!holder) return {};
    holders.push_back(*holder);
  }
  return holders;
}

}  // namespace redlock::quorum

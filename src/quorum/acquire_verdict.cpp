#include "quorum/acquire_verdict.hpp"

#include <algorithm>

namespace redlock::quorum {

Held name_held(const VoteCount& count, const NodeVotes& votes, const Membership& membership) {
  const Refused& holder = *count.holder;
  return {.holder = holder.holder,
          .info = holder.info,
          .votes = count.of_holder.votes(),
          .free_in = free_in(votes, membership, &holder.holder),
          .position = queue_position(votes),
          .name = holder.name,
          .barred = holder.barred};
}

Held all_slots_held(const std::vector<SlotChoice::SlotHolder>& holders, const NodeVotes& votes) {
  const auto first = std::min_element(holders.begin(), holders.end(), [](const auto& one, const auto& other) {
    return one.free_in.value_or(Duration::max()) < other.free_in.value_or(Duration::max());
  });
  Held held{.holder = first->example->holder,
            .info = first->example->info,
            .votes = first->votes,
            .free_in = first->free_in,
            .position = queue_position(votes)};
  for (const auto& holder : holders)
    held.slots.push_back({.info = holder.example->info, .free_in = holder.free_in});
  return held;
}

}  // namespace redlock::quorum

#pragma once

#include "base/random.hpp"
#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"
#include "quorum/types.hpp"

#include <optional>
#include <vector>

namespace redlock::quorum {

// The slots that a node shows as taken, whatever it was asked.
std::vector<Refused> taken_slots(const Reply& reply);
// The same as a refusal of a lock with several names; none: no slot is taken.
std::optional<Refused> as_one(const std::vector<Refused>& slots);

// Which slot to try for, of a lock that several may hold (DESIGN section 3, "Slots"). Slot k is a lock of its own, whose votes
// are counted as those of any lock; to know of a free one is a hint. The first try is for a random slot, since contenders
// that begin together would all take the first.
class SlotChoice {
 public:
  // `slots`: 0, the lock has none. `entropy` must outlive this object.
  SlotChoice(std::size_t slots, Entropy& entropy);

  bool any() const { return slots_ > 0; }
  // The one to try for; 0: there are none.
  Slot current() const { return current_; }

  // A random slot, but not `except`, that a quorum shows free in these answers. Leaves the current one as it is.
  std::optional<Slot> find_free(const NodeVotes& votes, const Membership& membership, Slot except);
  void move_to(Slot slot);

  // Nothing was free: counts the probes in a row. Returns whether it is time to give up.
  bool gives_up() { return ++probes_ > kMostProbes; }

  // One slot whose holder has it on a quorum.
  struct SlotHolder {
    const Refused* example;  // what one of the nodes says of it
    std::size_t votes;
    std::optional<Duration> free_in;
  };
  // In order of the slots, if these answers of one round show each of them with one token on a quorum; else none. Only then
  // may a contender say that all are taken.
  std::vector<SlotHolder> holders_of_all(const NodeVotes& votes, const Membership& membership) const;

 private:
  static constexpr unsigned kMostProbes = 12;

  std::optional<SlotHolder> holder_of(Slot slot, const NodeVotes& votes, const Membership& membership) const;

  std::size_t slots_;
  Entropy& entropy_;
  Slot current_;
  unsigned probes_ = 0;
};

}  // namespace redlock::quorum

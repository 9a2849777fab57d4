#pragma once

#include "quorum/node_vote.hpp"
#include "quorum/slot_choice.hpp"
#include "quorum/types.hpp"

#include <optional>
#include <variant>
#include <vector>

// How an attempt to take a lock ends.
namespace redlock::quorum {

// The lock is ours.
struct Won {
  Token token;
  Fence fence;
  TimePoint valid_until;
  std::vector<NodeIndex> voters;  // whose votes were counted
  Slot slot = 0;
};
struct HeldSlot {
  HolderInfo info;
  std::optional<Duration> free_in;
};
// One other token has a quorum, of one name where the lock has several; of a lock with slots, another one has each of them.
struct Held {
  Token holder;
  HolderInfo info;
  std::size_t votes;
  std::optional<Duration> free_in;        // when, by the TTLs, a quorum falls free; none: some key has no TTL
  std::optional<QueuePosition> position;  // in the queue, as most nodes see it
  std::size_t name = 0;                   // which is held
  bool barred = false;                    // not held, but kept for another waiter: see Refused
  std::vector<HeldSlot> slots{};          // who has each, in order
};
// Too few nodes with a vote answered. The votes say why, node by node.
struct NoQuorum {};
// The votes stayed split for all rounds: nobody has the lock, some contender died with its votes.
struct Split {
  std::size_t contenders;  // besides us
  std::optional<Duration> free_in;
  Token strongest;  // of these
};
// A quorum agreed, but so late that too little of the TTL was left.
struct TooLate {
  Duration took;
};
// Two configured nodes are one server. Both the same: it does not say who it is, and which the other one is, is not known.
struct SameServer {
  NodeIndex first;
  NodeIndex second;
};
// cancel() came before a verdict.
struct Cancelled {};

using AcquireVerdict = std::variant<Won, Held, NoQuorum, Split, TooLate, SameServer, Cancelled>;

// The name of which, by this count, a quorum have one token. There is one.
Held name_held(const VoteCount& count, const NodeVotes& votes, const Membership& membership);
// Each slot has one of these holders. Of them it names the one whose slot falls free first.
Held all_slots_held(const std::vector<SlotChoice::SlotHolder>& holders, const NodeVotes& votes);

}  // namespace redlock::quorum

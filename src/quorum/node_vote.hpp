#pragma once

#include "quorum/membership.hpp"
#include "quorum/types.hpp"

#include <optional>
#include <variant>
#include <vector>

namespace redlock::quorum {

// What one node said in one round.
struct NotAsked {};
struct Awaited {};
using AcquireAnswer = std::variant<NotAsked, Awaited, Granted, Refused, Free, Failure>;

// Whether the node has written down the fence of the round (ConfirmRequest).
enum class Confirmation { NotAsked, Awaited, Accepted, Failed };

struct NodeVote {
  RequestId id = 0;  // of the last request: for the vote, or the confirmation
  TimePoint sent{};
  AcquireAnswer answer = NotAsked{};
  bool may_have_held = false;  // after an earlier round with the same token
  bool was_silent = false;     // in the round before
  ServerId server{};           // that answered
  Confirmation confirmation = Confirmation::NotAsked;
  std::vector<Refused>
      slots{};  // that are taken, as the answer says, where the lock has slots; `answer` is of one alone

  bool pending() const { return std::holds_alternative<Awaited>(answer); }
  const Granted* granted() const { return std::get_if<Granted>(&answer); }
  const Refused* refused() const { return std::get_if<Refused>(&answer); }
  const Failure* failure() const { return std::get_if<Failure>(&answer); }
  bool free() const { return std::holds_alternative<Free>(answer); }
  bool answered() const { return granted() != nullptr || refused() != nullptr || free(); }

  // Whether our token may be on the node, now or when a request that is still under way arrives.
  bool may_hold_token() const;
};

using NodeVotes = std::vector<NodeVote>;

// Whether the node's grant is a vote: the node has one, and its address still leads to the server that granted.
bool is_vote(const NodeVotes& votes, NodeIndex node, const Membership& membership);

// Whether a node has not answered, but did in the round before.
bool any_straggler(const NodeVotes& votes);

// Whether a counted vote is of a node that restarted not long ago. It may have forgotten a lock with a TTL that is longer than
// our quarantine; a node that has not answered yet may show that lock.
bool any_young_vote(const NodeVotes& votes, const Membership& membership);

// What a round's votes add up to.
struct VoteCount {
  NodeSet own;        // granted by voters
  NodeSet free;       // voters that have no key
  NodeSet answered;   // granted, refused or free, voters or not
  NodeSet reachable;  // all that have not failed
  NodeSet eligible;   // and of these all that have not answered without a vote
  bool pending = false;
  std::size_t rivals = 0;           // how many other tokens were seen; each counts once a node
  Token strongest_rival;            // with most votes; ties go to the lesser token. Empty: there is none
  NodeSet of_strongest_rival;       // that have its token, on any name
  const Refused* holder = nullptr;  // one of the refusals for a name of which a quorum have one token
  NodeSet of_holder;                // that have that token on that name
};

VoteCount count_votes(const NodeVotes& votes, const Membership& membership);

// The greatest that a counted vote brought.
Fence greatest_fence(const NodeVotes& votes, const Membership& membership);

// Which of the counted votes have `fence` in their counters.
struct ConfirmationCount {
  NodeSet accepted;
  NodeSet possible;  // and those that may yet
  std::vector<NodeIndex> unasked;
};

ConfirmationCount count_confirmations(const NodeVotes& votes, const Membership& membership, Fence fence);

// After what time, by the TTLs that the refusals told, the nodes are a quorum that are free: of this holder, or of all. A
// node that failed is not free. One that has not answered yet may be free of this holder; it has been waited for in vain
// where all are meant.
std::optional<Duration> free_in(const NodeVotes& votes, const Membership& membership, const Token* holder);

// Where the waiter stands: the median of what the nodes say, since one that restarted has forgotten its queue.
std::optional<QueuePosition> queue_position(const NodeVotes& votes);

}  // namespace redlock::quorum

#pragma once

#include "base/clock.hpp"
#include "quorum/membership.hpp"
#include "quorum/types.hpp"
#include "redis/look.hpp"

#include <optional>
#include <variant>
#include <vector>

// What the nodes show of a lock to a client that does not contend for it, and what that adds up to.
namespace redlock::lock {

// What came of the question to one node.
struct Observation {
  TimePoint sent;
  Duration took;
  std::variant<redis::NodeLockState, quorum::Failure> answer;

  const redis::NodeLockState* state() const { return std::get_if<redis::NodeLockState>(&answer); }
  const quorum::Failure* failure() const { return std::get_if<quorum::Failure>(&answer); }
};
using Observations = std::vector<Observation>;  // one a node, in the order of the nodes

enum class LockState {
  Held,     // one token has a quorum
  Split,    // there are tokens, and none can have a quorum
  Free,     // no token anywhere that counts, nor can one have a quorum elsewhere
  Unknown,  // too few nodes answered, or those that did not decide who holds it
};

// One token that was seen on nodes whose word counts.
struct Contender {
  quorum::Token token;
  quorum::NodeSet nodes;            // that show it
  quorum::HolderInfo info;          // of the first node that has any; at rest if all say so
  std::chrono::milliseconds ttl{};  // the longest that a node knows of it, to come or as the holder asks for
  quorum::Fence fence = 0;          // 0: no quorum of the nodes that have the token agree about one
  // When, by the TTLs, a quorum falls free of it; none: some key has no TTL.
  std::optional<Duration> free_in{};

  std::size_t votes() const { return nodes.votes(); }
};

struct LockStatus {
  LockState state = LockState::Unknown;
  std::vector<Contender> contenders;  // most votes first, ties to the lesser token; a holder is the first
  quorum::NodeSet answered;           // nodes whose word counts
  std::uint64_t waiting = 0;          // the most that any of them knows of
  // Free: the waiter in whose favour a quorum keeps out the others that wait. As quorum::Refused::barred.
  std::optional<quorum::Token> kept_for{};

  // Unknown, because nodes that restarted may have forgotten a lock or a rest of which the contenders are what is left.
  bool leftover = false;

  const Contender* holder() const { return state == LockState::Held ? &contenders.front() : nullptr; }
};

// A node counts as it does when a lock is acquired (count_votes()): a voter's word counts, and that of a node
// in quarantine if it shows a token, since it may have forgotten one, but has not made one up. All other nodes may,
// for all we know, hold any token.
LockStatus lock_status(const Observations& observations, const quorum::Membership& membership);

// The membership with what these nodes show: a holder whose TTL is longer than the quarantine, or a rest that is, makes it the
// quarantine, as where a lock is acquired.
quorum::Membership membership_shown(const Observations& observations, quorum::Membership membership);

// Whether the holder says who it is. A Redlock library does not.
bool is_anonymous(const quorum::HolderInfo& info);

}  // namespace redlock::lock

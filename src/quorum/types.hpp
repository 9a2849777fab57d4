#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// What the algorithm says to a node and hears from it. Terms are those of the "Distributed Locks with Redis"
// page of the Redis documentation; the semantics of each request are DESIGN section 3. redis/ turns requests
// into scripts and replies back into these types; tests/sim implements the same semantics in its fake nodes.
namespace redlock::redis {
enum class NodeError : std::uint8_t;  // redis/node_error.hpp
}

namespace redlock::quorum {

// The position of a node in the configured list.
using NodeIndex = std::size_t;

// A slot of a lock that several may hold, each a slot of their own: 1 to N. 0: the lock has no slots.
using Slot = std::size_t;

// Names one request of one client, so that an answer can be matched to it. Never reused within a process.
using RequestId = std::uint64_t;

// A fence (fencing token): only ever grows from holder to holder. At most kMaxFence, because the scripts
// compute with doubles.
using Fence = std::uint64_t;
inline constexpr Fence kMaxFence = (Fence{1} << 53U) - 1;

// The random value that makes a lock ours: 40 hex digits when we made it, any bytes when another library did.
struct Token {
  std::string value;
  auto operator<=>(const Token&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 sees a 0
};

// The least attempt number of an ExtendOp. It numbers by the microseconds of the wall clock, which no keeper's count of
// attempts reaches: since 12 January 1970.
inline constexpr std::uint64_t kLeastWallAttempt = 1'000'000'000'000;

// ---- Requests ----------------------------------------------------------------------------------------

// A waiter, as the queue of each node knows it. The queue is a hint: it says which waiter goes first, never which may.
struct QueueEntry {
  std::uint64_t began_us;  // wall clock of the waiter, microseconds since 1970: the queue is in this order
  std::uint64_t number;    // random: tells apart waiters that began at the same time
  auto operator<=>(const QueueEntry&) const = default;  // NOLINT(modernize-use-nullptr): see Token
};

// If the key is absent, or holds `token`: set it to `token` for `ttl`, raise the fence counter to
// f = max(counter + 1, proposal), record the holder, and answer Granted{f}. Otherwise answer Refused. A refused waiter
// enters the queue, a granted one leaves it; with `in_turn`, so do those before it: they had their turn and did not take it.
struct AcquireRequest {
  Token token;
  std::chrono::milliseconds ttl;
  Fence proposal;  // microseconds of the wall clock; the same for every node of one round
  std::optional<QueueEntry> waiter{};
  bool in_turn = false;
  bool bars = false;  // refused and first in the queue, it bars the lock to other waiters for a while
  Slot slot = 0;      // this one is wanted; either answer tells of all slots
};

// Changes nothing, but for a waiter's position in the queue. Answers Free if the key is absent, and Refused as to an
// AcquireRequest otherwise; a waiter that is refused enters the queue. Of a lock with slots: Free if one of them is.
struct ProbeRequest {
  Token token;  // that the sender has released
  std::optional<QueueEntry> waiter{};
  bool slots = false;
};

// If the key holds `token` and the counter is not above `fence`: set the counter to `fence`, and answer that it is
// accepted. If the key holds `token` and the counter is above neither `fence` nor `granted`: write `fence` down with the
// holder's info, where it stays until the token is set again.
struct ConfirmRequest {
  Token token;
  Fence fence;
  Fence granted = 0;  // what the node granted in this round: a late vote may be above the fence
  Slot slot = 0;
};

// If the key holds `token` and no note says that it rests: give it `ttl` again, unless it has more left, and answer
// Extended. If it is absent, `repair` is set, and no note says that `token` has been released: set it as of this attempt,
// raise the counter to at least `fence`, and answer Restored. Otherwise NotOurs, with the holder where there is one. Without
// a fence it asks: where the key holds `token` and not the info that goes with it, nothing is written, and the answer is that
// of a token which this attempt has set.
struct ExtendRequest {
  Token token;
  std::chrono::milliseconds ttl;
  Fence fence;
  // Numbers the extension attempts of one lease, from 1; the acquisition is attempt 0. See kLeastWallAttempt.
  std::uint64_t attempt;
  bool repair;
  // The counter that the node had when the sender knew that nobody else had been granted a quorum since `fence`: if it is
  // no greater still, and the token is there, `fence` is written down as by ConfirmRequest. 0: the sender does not know.
  Fence vouches = 0;
  Slot slot = 0;
};

// How a release leaves the lock behind, with nobody holding it.
struct Rest {
  std::chrono::milliseconds length;
  int status = 0;  // the exit status of the holder's command
};

// If the key holds `token`: delete it and the holder's info. With `rest`, leave it there for so long instead, as resting,
// and let the counter live longer by that. Answer Released either way.
struct ReleaseRequest {
  Token token;
  // Somebody else may be extending the lease: leave a note of the release, also where the token is absent, for at least
  // this long, and for as long as the lease would have lasted. 0: none.
  std::chrono::milliseconds note{};
  bool breaks = false;                // the note says that somebody else has done it
  std::optional<std::size_t> name{};  // of the names that the nodes are asked about, this one only; none: all
  std::optional<Rest> rest{};         // leaves it behind: of all names
  Slot slot = 0;

  // Not by the process that acquired the lock: any node may have the token.
  bool by_hand() const { return !rest && (breaks || note > std::chrono::milliseconds::zero()); }
};

using Request = std::variant<AcquireRequest, ProbeRequest, ConfirmRequest, ExtendRequest, ReleaseRequest>;

// A request for the driver to send. The driver owes exactly one reply, if only a Failure, no later than `deadline`. Requests to one node are delivered in order.
struct Send {
  NodeIndex node;
  RequestId id;
  Request request;
  TimePoint deadline;
};

// ---- Replies -----------------------------------------------------------------------------------------

// That a lock rests: its last holder left it behind when the command ended.
struct Resting {
  int status = 0;                                    // the exit status of that command
  std::optional<std::chrono::milliseconds> since{};  // so long ago it ended; none: not told
};

// What a holder wrote down about itself. Untrusted text. All empty for a foreign Redlock library.
struct HolderInfo {
  std::string host{};
  std::string user{};
  std::string command{};
  std::uint64_t pid{};
  std::uint64_t since_us{};          // wall clock of the holder, microseconds since 1970; 0: unknown
  std::vector<std::string> names{};  // of the lock, where it has several
  std::string note{};                // what its user wants others to know: a ticket, the URL of a build
  std::optional<Resting> resting{};  // it is a holder no more
};

// Where a waiter stands in the queue of one node.
struct QueuePosition {
  std::uint64_t ahead;    // so many go first
  std::uint64_t waiting;  // in the whole queue
};

// Of a lock with several names: of the first that is held; `others` has the rest.
struct Refused {
  Token holder;
  std::chrono::milliseconds remaining;  // negative: the key has no TTL (somebody set it by hand)
  HolderInfo info;
  std::chrono::milliseconds holder_ttl{};   // that the holder asks for each time; 0: unknown
  std::optional<QueuePosition> position{};  // none: not in the queue, or the node lets nobody stand in one
  std::size_t name = 0;                     // which it is about
  bool barred = false;  // nobody has it: it is kept for a waiter, whose name in the queue is here the holder
  std::vector<Refused> others{};  // each of another name, without a position
  std::vector<Refused> slots{};   // each that is taken, under its number as the name

  // Calls `what` with what is said about each name.
  template <class What>
  void each_name(What what) const {
    what(*this);
    for (const Refused& other : others) what(other);
  }
};
struct Granted {
  Fence fence;
  bool already_there = false;    // the token was there before the request
  std::vector<Refused> slots{};  // as in Refused, but for the one that is granted
};
struct Free {
  std::optional<QueuePosition> position{};  // as in Refused
  std::vector<Refused> slots{};             // likewise
};
struct Confirmed {
  bool accepted;
};
struct Extended {
  std::uint64_t set_by;  // the attempt that set the token on this node
  Fence counter;
  Fence fence = 0;  // the final one, where it has been written down since (ConfirmRequest); 0: it has not
};
struct Restored {
  Fence counter;  // as it was found, before it was raised: 0 after a restart without memory
};
struct NotOurs {
  Token holder;           // empty: the key is absent
  bool released = false;  // a note says so: a release by hand, with the token
  bool broken = false;    // a note says so: somebody else has broken the lock
  HolderInfo info{};      // of the holder
};
struct Released {
  bool was_ours;
  bool held_by_other;    // !was_ours: another token is there (otherwise the key was absent: it had expired)
  HolderInfo info{};     // of that other
  bool by_hand = false;  // of a rest: the token was gone, and a note says that it was released by hand
};

// What a waiter asks a node beside the algorithm.
enum class Probe {
  Holder,     // one command: whose token is there
  QueueState  // a script: see below
};
struct QueueState {
  std::optional<Token> holder;          // none: the key is absent
  std::chrono::milliseconds remaining;  // of the key; negative: it has no TTL
  HolderInfo info;
  std::optional<QueuePosition> position;  // none: not in the queue there
  std::size_t name = 0;                   // of whose holder this is, where the lock has several names
  bool barred = false;                    // as in Refused
};

// What a waiter listens to on a node.
enum class Subscribed {
  Nothing,
  Queued,  // its own channel, on which it is told that it has come to position 1 or 0
  Next     // that, and each change of the key
};

// Why a node gave no answer that counts: data, never an exception.
struct Failure {
  bool may_have_arrived = true;  // the request may have reached the node
  bool connection_gone = false;  // there is none, or it has ended
  bool passes = false;           // the node says that it cannot answer just now
  redis::NodeError kind{};       // for messages: redis/ interprets it. 0: an answer that does not count
  std::string detail{};  // escaped, without secrets: what a person needs beyond the kind; may be empty
};

// What becomes of a request: the node's answer, or the failure to get one.
using Reply = std::variant<Granted, Refused, Free, Confirmed, Extended, Restored, NotOurs, Released, Failure>;

// ---- Identity ----------------------------------------------------------------------------------------

enum class Role { Master, Replica, Sentinel };

// What a node says about itself, once per connection, ahead of its first reply on it.
struct Identity {
  bool known = false;             // false: ACLs forbid INFO or ROLE; the vote counts, with a warning
  std::string run_id;             // names one server process; two nodes with the same are one server
  std::chrono::seconds uptime{};  // by its own clock: negative where that was set back behind its start
  Role role = Role::Master;
  bool cluster = false;
};

}  // namespace redlock::quorum

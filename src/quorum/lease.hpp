#pragma once

#include "base/random.hpp"
#include "quorum/acquisition.hpp"
#include "quorum/ids.hpp"
#include "quorum/types.hpp"

#include <optional>
#include <variant>
#include <vector>

namespace redlock::quorum {

struct LeaseRules {
  std::chrono::milliseconds ttl;
  Duration node_timeout;  // per flight, and the longest that a round of any other client takes
  Duration lead;          // the lease is declared lost this long before validity ends: kill_after for `run`
};

// Why a lease is lost.
struct Taken {  // a quorum of nodes says that it is not ours; some have another token
  Token holder;
};
struct Vanished {};   // every node answered, and on none has our token been without a break
struct Expired {};    // no quorum could be reached for as long as validity lasted
struct GivenBack {};  // no loss to whoever holds it: somebody who knows the token has released it on purpose
struct Broken {};     // somebody else has taken it away, on purpose
using Loss = std::variant<Taken, Vanished, Expired, GivenBack, Broken>;

// A lock that is held: extends it at ttl/3 after each success, retries what fails for as long as validity lasts, plants
// the token again on nodes that lost it, and says when the lease is lost. Pure, like Acquisition.
//
// Which answers count towards a success (DESIGN section 3, "Extend"):
// - An answer shows since when the token has been on the node: each planting is numbered by its attempt, so neither
//   a lost reply nor a late request can pass a replanted token off as an old one.
// - Continuous: there already when the last successful attempt began. A quorum of these excludes, node by node, that
//   anybody else was granted a quorum since.
// - Proven: replanted in an earlier attempt than this one, on a node whose counter, found then, was not above our
//   fence: nobody had been granted its vote meanwhile. Counts only beside a continuous one, so that a lock that was
//   wholly lost is never resurrected.
// - Of either kind, a replanted one only when the lease, as last extended, outlasts any round that began before the
//   replanting: a rival may hold a vote of that node from before its crash. This takes a node_timeout that is the
//   same for all clients, and a TTL that is, or is longer than node_timeout.
class Lease {
 public:
  // `ids` and `entropy` must outlive this object. `nodes` as in the acquisition that `won`.
  Lease(const LeaseRules& rules, std::size_t nodes, const Won& won, RequestIds& ids, Entropy& entropy,
        Now now);

  // Each returns the requests to send now; none once lost.
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply);
  std::vector<Send> on_failure(Now now, NodeIndex node, RequestId id, const Failure& failure);
  std::vector<Send> on_time(Now now);

  // When on_time wants to be called.
  TimePoint deadline() const;

  TimePoint valid_until() const { return valid_until_; }
  const std::optional<Loss>& lost() const { return lost_; }

  // For messages and the simulator. Failures: attempts since the last success.
  unsigned failures_in_a_row() const { return failures_in_a_row_; }
  std::uint64_t attempt() const { return attempt_; }
  std::uint64_t last_success() const { return last_success_; }

 private:
  enum class Outcome { Unasked, Pending, Here, Planted, Elsewhere, Absent, Failed };
  struct Vote {
    // What is known of the token on this node.
    bool known = false;                // it has been seen there
    std::uint64_t planted = 0;         // the attempt that planted it
    std::uint64_t since = 0;           // the attempt in whose answers that planting was first seen
    std::optional<TimePoint> seen_at;  // then; none: it was a vote of the acquisition
    bool clean = true;                 // the counter found when it was planted was not above our fence
    // This attempt.
    RequestId id = 0;
    Outcome outcome = Outcome::Unasked;
  };

  std::vector<Send> attempt(Now now);
  void judge(Now now);
  void lose(Loss loss);
  bool continuous(const Vote& vote) const;
  bool proven(const Vote& vote) const;
  bool ripe(const Vote& vote) const;
  TimePoint give_up_at() const { return valid_until_ - rules_.lead; }

  LeaseRules rules_;
  RequestIds& ids_;
  Entropy& entropy_;
  Token token_;
  Fence fence_;
  TimePoint valid_until_;
  TimePoint next_attempt_;
  TimePoint began_{};  // of the present attempt
  std::uint64_t attempt_ = 0;
  std::uint64_t last_success_ = 0;  // 0: the acquisition
  unsigned failures_in_a_row_ = 0;
  bool decided_ = true;  // the present attempt
  Token other_;          // who has it instead, when a node says so
  std::vector<Vote> votes_;
  std::optional<Loss> lost_;
};

}  // namespace redlock::quorum

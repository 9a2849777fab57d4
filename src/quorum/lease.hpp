#pragma once

#include "base/random.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/ids.hpp"
#include "quorum/membership.hpp"
#include "quorum/operation.hpp"
#include "quorum/types.hpp"

#include <deque>
#include <optional>
#include <variant>
#include <vector>

namespace redlock::quorum {

struct LeaseRules {
  std::chrono::milliseconds ttl;
  Duration node_timeout;  // as configured, the same for all clients: see longest_round()
  Duration lead;          // the lease is declared lost this long before validity ends: kill_after for `run`
};

// Why a lease is lost.
struct Taken {  // a quorum of nodes says that it is not ours; some have another token
  Token holder;
};
struct Vanished {};  // every node answered, and on none has our token been without a break
struct Expired {};   // no quorum could be reached for as long as validity lasted
struct ReleasedByHand {
};                 // no loss to whoever holds it: somebody who knows the token has released it on purpose
struct Broken {};  // somebody else has taken it away, on purpose
using Loss = std::variant<Taken, Vanished, Expired, ReleasedByHand, Broken>;

// A lock that is held: extends it at ttl/3 after each success, retries what fails for as long as validity lasts, plants
// the token again on nodes that lost it, and says when the lease is lost. Pure, like AcquireOp.
//
// An answer may take as long as validity allows. Another attempt begins meanwhile: each answer counts for the attempt that
// asked for it. After the success of that attempt, or of a later one, it still tells what is on the node.
//
// Which answers count towards a success (DESIGN section 3, "Extend"):
// - An answer shows since when the token has been on the node: each planting is numbered by its attempt, so neither
//   a lost reply nor a late request can pass a restored token off as an old one.
// - Continuous: seen there before the last successful attempt began. A quorum of these excludes, node by node, that
//   anybody else was granted a quorum since.
// - Proven: restored, and seen, before this attempt began, on a node whose counter, found then, was not above our
//   fence: nobody had been granted its vote meanwhile. Counts only beside a continuous one, so that a lock that was
//   wholly lost is never resurrected.
// - Of either kind, one that was no vote of the acquisition only when the lease, as last extended, outlasts any round that
//   began before the node last crashed: a rival may hold a vote of it from before, and may count it for longest_round() of
//   the configured node_timeout. That crash was no later than the token was seen there, and no later than the node has been
//   up for. Where the quarantine is zero the nodes forget nothing in a crash.
// - One server counts once, by its run_id, also when two addresses have come to lead to it during the lease. What has
//   been seen of the token at an address says nothing about another server to which it leads now.
class Lease final : public Operation {
 public:
  // `membership`, `ids` and `entropy` must outlive this object. The membership is that of the acquisition that `won`.
  Lease(const LeaseRules& rules, const Membership& membership, const Won& won, RequestIds& ids,
        Entropy& entropy);

  // None wants anything sent once the lease is lost.
  std::vector<Send> start(Now now) override { return on_time(now); }
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) override;
  std::vector<Send> on_failure(Now now, NodeIndex node, RequestId id, const Failure& failure) override;
  std::vector<Send> on_time(Now now) override;
  TimePoint deadline() const override;
  bool done() const override { return lost_.has_value(); }

  TimePoint valid_until() const { return valid_until_; }
  const std::optional<Loss>& lost() const { return lost_; }

  // For messages and the simulator. Failures: attempts since the last success.
  unsigned failures_in_a_row() const { return failures_in_a_row_; }
  std::uint64_t attempt() const { return attempt_; }
  std::uint64_t last_success() const { return last_success_; }

 private:
  // The token on one node, as far as it is known.
  struct Sight {
    bool known = false;        // it has been seen there
    std::uint64_t set_by = 0;  // the attempt that planted it
    std::uint64_t since = 0;   // the newest attempt that had begun when that planting was first seen
    // The node's last crash was no later; none: it was a vote of the acquisition.
    std::optional<TimePoint> crashed_by;
    bool clean = true;     // the counter found when it was planted was not above our fence
    Fence counter = 0;     // of the node, as it said last
    bool counted = false;  // towards the last success
    ServerId server{};     // on which it was seen last,
    TimePoint heard{};     // and when
  };
  // The outcome of one attempt's request to one node.
  enum class ExtendOutcome { Pending, Here, Planted, Elsewhere, Absent, Failed };
  struct NodeExtension {
    RequestId id = 0;
    ExtendOutcome outcome = ExtendOutcome::Pending;
    ServerId server{};  // that answered
  };
  struct ExtendAttempt {
    std::uint64_t number;
    TimePoint began;
    std::vector<NodeExtension> votes;
    bool decided =
        false;  // it has succeeded, or another has begun or is going to; its answers still tell of the nodes
  };

  std::vector<Send> begin(Now now);
  ExtendAttempt* asked_by(NodeIndex node, RequestId id);
  void weigh(Now now, ExtendAttempt& attempt);
  ExtendOutcome read(Now now, NodeIndex node, const ExtendAttempt& attempt, const Reply& reply);
  void saw(Now now, NodeIndex node, std::uint64_t set_by, Fence counter_found);
  bool moved(Now now, NodeIndex node) const;
  static Fence vouches(const Sight& sight);
  void judge(Now now, ExtendAttempt& attempt);
  void succeed(const ExtendAttempt& attempt);
  void fail(Now now, ExtendAttempt& attempt);
  bool mends() const;
  static std::size_t count(const ExtendAttempt& attempt, ExtendOutcome outcome);
  void lose(Loss loss);
  bool continuous(const Sight& sight) const;
  bool proven(const Sight& sight, const ExtendAttempt& attempt) const;
  bool ripe(const Sight& sight) const;
  Duration another_after() const;
  Duration failed_after() const;
  TimePoint give_up_at() const { return valid_until_ - rules_.lead; }

  LeaseRules rules_;
  const Membership& membership_;
  RequestIds& ids_;
  Entropy& entropy_;
  Token token_;
  Fence fence_;
  TimePoint valid_until_;
  TimePoint next_attempt_;
  std::uint64_t attempt_ = 0;       // the newest
  std::uint64_t last_success_ = 0;  // 0: the acquisition
  unsigned failures_in_a_row_ = 0;
  Token other_;  // who has it instead, when a node says so
  std::vector<Sight> sights_;
  std::deque<ExtendAttempt>
      attempts_;  // since the last success, and those before that owe answers; oldest first
  std::optional<Loss> lost_;
};

}  // namespace redlock::quorum

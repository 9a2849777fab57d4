#pragma once

#include "base/random.hpp"
#include "quorum/acquire_verdict.hpp"
#include "quorum/ids.hpp"
#include "quorum/membership.hpp"
#include "quorum/operation.hpp"
#include "quorum/token_record.hpp"
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
struct Vanished {};        // every node answered, and on none has our token been without a break
struct Expired {};         // no quorum could be reached for as long as validity lasted
struct ReleasedByHand {};  // no loss to the holder: it was released with the token, on purpose
struct Broken {};          // somebody else has taken it away, on purpose
using Loss = std::variant<Taken, Vanished, Expired, ReleasedByHand, Broken>;

// A lock that is held: extends it at ttl/3 after each success, retries what fails for as long as validity lasts, restores
// the token on nodes that lost it, and says when the lease is lost.
//
// An answer may take as long as validity allows. Another attempt begins meanwhile: each answer counts for the attempt that
// asked for it. After the success of that attempt, or of a later one, it still tells what is on the node.
//
// A success needs a quorum of the servers whose answers count, see TokenRecord, one of them continuous.
class Lease final : public Operation {
 public:
  // `membership`, `ids` and `entropy` must outlive this object. The membership is that of the acquisition that `won`.
  Lease(const LeaseRules& rules, const Membership& membership, const Won& won, RequestIds& ids,
        Entropy& entropy);

  // None wants anything sent once the lease is lost.
  std::vector<Send> start(Now now) override { return on_time(now); }
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) override;
  std::vector<Send> on_time(Now now) override;
  TimePoint deadline() const override;
  bool done() const override { return lost_.has_value(); }

  TimePoint valid_until() const { return lease_.valid_until; }
  const std::optional<Loss>& lost() const { return lost_; }

  // Whether the address has come to lead to another server, whose answers do not count.
  bool moved(NodeIndex node) const { return tokens_.moved(node); }

  // For messages and the simulator. Failures: attempts since the last success.
  unsigned failures_in_a_row() const { return failures_in_a_row_; }
  std::uint64_t attempt() const { return attempt_; }
  std::uint64_t last_success() const { return lease_.last_success; }

 private:
  enum class ExtendAnswer { Awaited, Here, Elsewhere, Nothing, Failed };  // Nothing: absent, or just restored
  struct NodeAnswer {
    RequestId id = 0;
    ExtendAnswer answer = ExtendAnswer::Awaited;
    ServerId server{};  // that answered
  };
  struct ExtendAttempt {
    std::uint64_t number;
    TimePoint began;
    std::vector<NodeAnswer> nodes;
    bool decided = false;  // it has succeeded or failed; its answers still tell of the nodes

    bool any(ExtendAnswer answer) const;
  };

  std::vector<Send> begin(Now now);
  ExtendAnswer read(Now now, NodeIndex node, const ExtendAttempt& attempt, const Reply& reply);
  void judge(Now now, const ExtendAttempt& attempt);
  void succeed(const ExtendAttempt& attempt);
  void fail(Now now);
  TimePoint give_up_at() const { return lease_.valid_until - rules_.lead; }

  LeaseRules rules_;
  const Membership& membership_;
  RequestIds& ids_;
  Entropy& entropy_;
  ExtendRequest request_;  // the part that all requests share
  TokenRecord::LeaseState lease_;
  TokenRecord tokens_;
  std::uint64_t attempt_ = 0;  // the newest; 0 is the acquisition
  unsigned failures_in_a_row_ = 0;
  TimePoint next_attempt_;
  std::deque<ExtendAttempt>
      attempts_;  // since the last success, and those before that owe answers; oldest first
  std::optional<Loss> lost_;
};

}  // namespace redlock::quorum

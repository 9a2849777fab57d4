#pragma once

#include "base/random.hpp"
#include "quorum/ids.hpp"
#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"
#include "quorum/operation.hpp"
#include "quorum/split.hpp"
#include "quorum/types.hpp"

#include <optional>
#include <variant>
#include <vector>

namespace redlock::quorum {

struct AcquireRules {
  std::chrono::milliseconds ttl;
  Duration node_timeout;     // per round trip
  Duration least_validity;   // a win with less than this left is none: kill_after and the margin for `run`
  unsigned max_rounds = 24;  // round trips before a split that does not resolve is given up
  // No round begins after this, so that all is over one node_timeout later.
  TimePoint give_up_at = TimePoint::max();
  std::optional<QueueEntry> waiter{};  // stands in the queue when the lock is not to be had
  bool in_turn = false;                // it is its turn there
};

// The lock is ours.
struct Won {
  Token token;
  Fence fence;
  TimePoint valid_until;
  std::vector<NodeIndex> voters;  // whose votes were counted
};
// One other token has a quorum.
struct Held {
  Token holder;
  HolderInfo info;
  std::size_t votes;
  std::optional<Duration> free_in;        // when, by the TTLs, a quorum falls free; none: some key has no TTL
  std::optional<QueuePosition> position;  // in the queue, as most nodes see it
};
// Too few nodes with a vote answered. The votes say why, node by node.
struct NoQuorum {};
// The votes stayed split for all rounds: nobody has the lock, some contender died with its votes.
struct Split {
  std::size_t contenders;  // besides us
  std::optional<Duration> free_in;
};
// A quorum agreed, but so late that too little of the TTL was left.
struct TooLate {
  Duration took;
};
// Two configured nodes are one server.
struct SameServer {
  NodeIndex first;
  NodeIndex second;
};
// cancel() came before a verdict.
struct Cancelled {};

using AcquireVerdict = std::variant<Won, Held, NoQuorum, Split, TooLate, SameServer, Cancelled>;

// One attempt to take the lock: all nodes at once, the decision with the quorum-th vote, a few rounds when the votes are
// split (SplitPolicy), the fence confirmed, and whatever is not won released.
//
// A vote counts only if it is read no later than node_timeout after its own request was sent, however long its answer has
// been in the socket: by then a crash may have wiped it out, and a holder that has put the node to use again relies on
// nobody counting it (Lease).
class AcquireOp final : public Operation {
 public:
  // `membership`, `ids` and `entropy` must outlive this object.
  AcquireOp(const AcquireRules& rules, Membership& membership, RequestIds& ids, Entropy& entropy)
      : rules_{rules}, membership_{membership}, ids_{ids}, entropy_{entropy}, votes_(membership.nodes()) {}

  std::vector<Send> start(Now now) override { return ask(now); }
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) override;
  std::vector<Send> on_failure(Now now, NodeIndex node, RequestId id, const Failure& failure) override;
  std::vector<Send> on_time(Now now) override;
  // Gives up: no verdict but Cancelled, and everything that may have been granted is released.
  std::vector<Send> cancel(Now now);

  TimePoint deadline() const override { return verdict_ ? TimePoint::max() : wake_at_; }
  bool done() const override { return verdict_.has_value(); }
  const std::optional<AcquireVerdict>& verdict() const { return verdict_; }
  // Won, and a node may yet bring a vote, which the nodes should know of: see take_late_vote().
  bool awaits_votes() const;
  const NodeVotes& votes() const { return votes_; }  // of the last round
  unsigned rounds() const { return round_.number; }

 private:
  enum class RoundPhase {
    Asking,      // for votes
    Confirming,  // the fence, on the nodes that voted
    Keeping,     // pausing before another round, with the votes
    Yielding     // the same without
  };

  std::vector<Send> ask(Now now);
  AcquireAnswer read(Now now, const NodeVote& vote, const Reply& reply);
  std::vector<Send> judge(Now now);
  std::vector<Send> judge_votes(Now now);
  std::vector<Send> settle_split(Now now, const VoteCount& count);
  std::vector<Send> begin_confirming(Now now);
  std::vector<Send> judge_confirmations(Now now);
  std::vector<Send> win(Now now);
  std::vector<Send> take_late_vote(Now now, NodeIndex node, const Reply& reply);
  Send confirm(Now now, NodeIndex node) const;
  bool is_last_round(Now now) const;
  bool awaits_stragglers(Now now);
  bool awaits_refusals(Now now, const VoteCount& count);
  void pause(Now now, RoundPhase phase, double round_trips);
  std::vector<Send> give_up(Now now, AcquireVerdict verdict);
  std::vector<Send> release(Now now);
  TimePoint valid_until() const;

  AcquireRules rules_;
  Membership& membership_;
  RequestIds& ids_;
  Entropy& entropy_;
  SplitPolicy split_;

  RoundPhase phase_ = RoundPhase::Yielding;
  struct {
    unsigned number = 0;
    TimePoint began{};
  } round_;
  Token token_;
  NodeVotes votes_;
  TimePoint wake_at_ = TimePoint::max();
  Fence fence_ = 0;
  std::optional<AcquireVerdict> verdict_;
};

}  // namespace redlock::quorum

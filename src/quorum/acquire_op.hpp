#pragma once

#include "base/random.hpp"
#include "quorum/acquire_verdict.hpp"
#include "quorum/ids.hpp"
#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"
#include "quorum/operation.hpp"
#include "quorum/slot_choice.hpp"
#include "quorum/split.hpp"
#include "quorum/types.hpp"

#include <optional>
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
  bool bars = false;                   // see AcquireRequest
  // The attempt before was in vain, though nobody had a quorum. Then this one begins with a probe, which sets nothing, and a
  // rival that was the strongest then, and still is, stands still.
  bool again = false;
  Token strongest{};
  std::size_t slots = 0;  // that the lock has: one of them is wanted; 0: it has none
};

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
      : rules_{rules},
        membership_{membership},
        ids_{ids},
        entropy_{entropy},
        split_{rules.strongest},
        slots_{rules.slots, entropy},
        votes_(membership.nodes()) {}

  std::vector<Send> start(Now now) override;
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) override;
  std::vector<Send> on_time(Now now) override;
  // Gives up: no verdict but Cancelled, and everything that may have been granted is released.
  std::vector<Send> cancel(Now now) { return verdict_ ? std::vector<Send>{} : give_up(now, Cancelled{}); }

  TimePoint deadline() const override { return verdict_ ? TimePoint::max() : round_.wake_at; }
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
    Yielding,    // pausing without
    Probing      // whether it is any use to ask again
  };

  std::vector<Send> ask(Now now);
  std::vector<Send> probe(Now now);
  std::vector<Send> begin_round(Now now, RoundPhase phase, const Request& request);
  AcquireAnswer read(Now now, NodeIndex node, const Reply& reply);
  std::vector<Send> judge(Now now);
  std::vector<Send> judge_votes(Now now);
  std::optional<std::vector<Send>> judge_names(Now now, const VoteCount& count);
  std::optional<std::vector<Send>> judge_slots(Now now, const VoteCount& count);
  std::vector<Send> settle_split(Now now, const VoteCount& count);
  std::optional<std::vector<Send>> try_free_slot(Now now);
  std::vector<Send> begin_confirming(Now now);
  std::vector<Send> judge_confirmations(Now now);
  std::vector<Send> win(Now now);
  std::vector<Send> take_late_vote(Now now, NodeIndex node, const Reply& reply);
  Send confirm(Now now, NodeIndex node, const Granted& granted) const;
  bool is_last_round(Now now) const {
    return round_.number >= rules_.max_rounds || now.boot >= rules_.give_up_at;
  }
  bool waits(Now now, Duration length);
  bool awaits_stragglers(Now now);
  std::vector<Send> yield(Now now, double round_trips);
  void pause(Now now, RoundPhase phase, double round_trips);
  std::vector<Send> give_up(Now now, AcquireVerdict verdict);
  std::vector<Send> release(Now now);
  TimePoint valid_until() const;

  AcquireRules rules_;
  Membership& membership_;
  RequestIds& ids_;
  Entropy& entropy_;
  SplitPolicy split_;
  SlotChoice slots_;

  RoundPhase phase_ = RoundPhase::Yielding;
  struct {
    unsigned number = 0;
    TimePoint began{};
    TimePoint wake_at = TimePoint::max();  // there is something to do though no node answers
  } round_;
  Token token_;
  NodeVotes votes_;
  Fence fence_ = 0;
  // A node that was asked for the first time, and had the token: a request to another address has brought it there.
  std::optional<NodeIndex> met_again_;
  std::optional<AcquireVerdict> verdict_;
};

}  // namespace redlock::quorum

#pragma once

#include "base/random.hpp"
#include "quorum/ids.hpp"
#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"
#include "quorum/operation.hpp"
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
  TimePoint give_up_at =
      TimePoint::max();            // no round begins after this, so that it is over one node_timeout later
  std::optional<Waiter> waiter{};  // stands in the queue when the lock is not to be had
  bool in_turn = false;            // it is its turn there
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
// The votes stayed divided among contenders for all rounds: nobody has the lock, some contender died with its
// votes.
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

// One attempt to take the lock: all nodes at once, the decision with the quorum-th vote, a few rounds when
// the votes are split, the fence confirmed, and whatever is not won given back. Pure: it says what to send
// and when to be called next, and hears what came of it.
//
// A vote counts only if it is read no later than node_timeout after its own request was sent, however long its answer has
// been in the socket: by then a crash may have wiped it out, and a holder that has put the node to use again relies on
// nobody counting it (Lease).
//
// Split votes (DESIGN section 3). When a round ends without a quorum for anybody, all contenders see the same
// votes: the one with the most (ties: the lesser token) keeps them and asks again, the others give theirs
// back and return with a new token after a random pause. Only liveness hangs on this; safety is the quorum
// alone.
class AcquireOp final : public Operation {
 public:
  // `membership`, `ids` and `entropy` must outlive this object.
  AcquireOp(const AcquireRules& rules, Membership& membership, RequestIds& ids, Entropy& entropy);

  // Answers to requests of former rounds are ignored.
  std::vector<Send> start(Now now) override;
  std::vector<Send> on_reply(Now now, NodeIndex node, RequestId id, const Reply& reply) override;
  std::vector<Send> on_failure(Now now, NodeIndex node, RequestId id, const Failure& failure) override;
  std::vector<Send> on_time(Now now) override;
  // Gives up: no verdict but Cancelled, and everything that may have been granted is given back.
  std::vector<Send> cancel(Now now);

  TimePoint deadline() const override { return verdict_ ? TimePoint::max() : wake_at_; }
  bool done() const override { return verdict_.has_value(); }
  const std::optional<AcquireVerdict>& verdict() const { return verdict_; }
  // Won, and a node may yet bring a vote, which the nodes should know of: see take_late_vote().
  bool awaits_votes() const;
  const NodeVotes& votes() const { return votes_; }  // of the last round
  unsigned rounds() const { return round_; }

 private:
  enum class Phase { Asking, Confirming, Pausing };

  std::vector<Send> ask(Now now);
  std::vector<Send> judge(Now now);
  std::vector<Send> judge_votes(Now now);
  std::vector<Send> judge_confirmations(Now now);
  std::vector<Send> settle_split(Now now, const VoteCount& sum);
  std::vector<Send> begin_confirming(Now now);
  std::vector<Send> win(Now now);
  std::vector<Send> take_late_vote(Now now, NodeIndex node, RequestId id, const Reply& reply);
  Send confirm(Now now, NodeIndex node, RequestId id) const;
  bool stands_still(const VoteCount& sum);
  bool is_last_round(Now now) const;
  bool awaits_stragglers(Now now);
  bool awaits_refusals(Now now, const VoteCount& sum);
  std::vector<Send> pause(Now now, double round_trips);
  std::vector<Send> give_up(Now now, AcquireVerdict verdict);
  std::vector<Send> give_back(Now now);
  Duration round_trip(Now now) const;
  TimePoint valid_until() const { return validity_; }
  std::optional<Duration> free_in(const Refused* of) const;
  std::optional<QueuePosition> position() const;

  AcquireRules rules_;
  Membership& membership_;
  RequestIds& ids_;
  Entropy& entropy_;

  Phase phase_ = Phase::Pausing;
  unsigned round_ = 0;
  Token token_;
  bool keep_token_ = false;
  TimePoint round_began_{};
  TimePoint validity_{};
  TimePoint wake_at_ = TimePoint::max();
  std::optional<Duration> round_trip_;  // the shortest time that a quorum took to answer
  NodeVotes votes_;
  Token last_strongest_;
  unsigned still_rounds_ = 0;

  // Confirming.
  Fence fence_ = 0;
  enum class ConfirmState { None, Awaited, Accepted, Failed };
  struct Confirmation {
    RequestId id = 0;
    ConfirmState state = ConfirmState::None;
  };
  std::vector<Confirmation> confirmations_;

  std::optional<AcquireVerdict> verdict_;
};

}  // namespace redlock::quorum

#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "quorum/acquire_verdict.hpp"
#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"
#include "quorum/types.hpp"
#include "quorum/waiter_nodes.hpp"
#include "quorum/waiter_reactions.hpp"

#include <optional>
#include <variant>

namespace redlock::quorum {

// Waits for a lock that somebody else holds: says what to listen to, which node to ask, and when to try again. Pure, and a
// hint in all it says: a try that comes too early is refused, one that comes too late has lost time (DESIGN section 3,
// "Waiting"). Safety rests on the acquire request alone.
//
// What each role does about each event is the table in waiter_reactions.hpp.
class Waiter {
 public:
  // `membership` and `entropy` must outlive this object. `retry_delay`: between attempts, before jitter, while too few nodes
  // tell of changes. `several`: the lock has several names. Then a call is about one of several queues, and only makes
  // it ask; and at the head of all queues it tries at once and each second, which keeps others away (redis::LockKeys::bar).
  // `has_slots`: then there may be another free one when one has been granted, and to see another holder each time is no
  // sign of being passed over.
  Waiter(Duration retry_delay, const Membership& membership, Entropy& entropy, bool several = false,
         bool has_slots = false);

  // ---- What has happened

  // An attempt has found the lock held. `round_trip`: how long a quorum took to answer.
  void on_held(TimePoint now, const Held& held, const NodeVotes& votes, Duration round_trip);
  // The node has said something, if only after the verdict on the attempt.
  void on_answer(NodeIndex node) { nodes_[node].answers = true; }

  void on_subscribed(TimePoint now, NodeIndex node, Subscribed mode);
  // `refused`: the node forbids it, and will not be asked again.
  void on_unsubscribed(TimePoint now, NodeIndex node, bool refused);
  // So many go before us now: a waiter was granted the lock there, or has given up.
  void on_granted(TimePoint now, NodeIndex node, std::uint64_t ahead);
  void on_left(TimePoint now, NodeIndex node, std::uint64_t ahead);
  void on_key_changed(TimePoint now, NodeIndex node);

  // What probes have found. No holder: the key is absent.
  void on_holder(TimePoint now, NodeIndex node, const std::optional<Token>& holder);
  void on_queue_state(TimePoint now, NodeIndex node, const QueueState& state);
  void on_probe_failed(TimePoint now, NodeIndex node);

  // ---- What to do about it

  // Ask a node; the answer is owed even when it comes after the next attempt.
  struct Ask {
    NodeIndex node;
    Probe what;
  };
  // Try to acquire. `in_turn`: all who go first have had the time to. `bars`: see AcquireRequest.
  struct Try {
    bool in_turn;
    bool bars;
  };
  struct Sleep {};  // until deadline(), or until something happens
  using Action = std::variant<Sleep, Ask, Try>;
  // To be called until it is Sleep. After a Try, on_held() begins anew.
  Action next(TimePoint now);
  TimePoint deadline() const;
  // What to listen to on a node.
  Subscribed wants(NodeIndex node) const;

  // ---- What is known, for people

  // None: in no queue.
  const std::optional<QueuePosition>& position() const { return known_.position; }
  // When, by the TTLs that the nodes told, a quorum falls free; TimePoint::max(): none of them knows.
  TimePoint expires() const { return nodes_.expires(); }

 private:
  struct Known {
    std::optional<Token> holder;         // none: it has changed since
    std::optional<Token> holder_at_try;  // probes may tell of the next one before the attempt does
    std::optional<QueuePosition> position;
    double crowd = 0;                       // 0 to 1: where we stand if no node knows our position
    bool may_queue = true;                  // a node calls us, and has not called us to the front yet
    Duration round_trip = Duration::max();  // the shortest yet
  };
  struct Timers {
    TimePoint check = TimePoint::max();  // see how things are: something was told, or found
    TimePoint poll = TimePoint::max();   // ask the next node who the holder is: a message may have been lost
    TimePoint retry = TimePoint::max();  // try: too few nodes tell of changes
    TimePoint renew = TimePoint::max();  // try, so that the nodes know that we still wait
  };

  WaiterRole role() const;
  void react(TimePoint now, WaiterEvent event);
  bool take_call(TimePoint now, NodeIndex node, std::uint64_t ahead);  // whether it is news
  void take_position(TimePoint now, const std::optional<QueuePosition>& position);
  void listen_anew(TimePoint now);
  bool hears() const;
  void forget_told();
  Duration slot() const;
  Duration slots() const;
  TimePoint expiry_due() const;
  void plan_poll(TimePoint now);
  Action ask(TimePoint now, Probe what, Asked how);

  Duration retry_delay_;
  bool several_;
  bool has_slots_;
  bool passed_over_ = false;  // another one was granted the lock, though we were first and tried
  Entropy& entropy_;
  WaiterNodes nodes_;
  Known known_;
  Timers timers_;
  WaiterStep wanted_ = WaiterStep::Nothing;  // the most urgent yet
};

}  // namespace redlock::quorum

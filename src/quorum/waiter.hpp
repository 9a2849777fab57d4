#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"
#include "quorum/types.hpp"
#include "quorum/waiter_reactions.hpp"

#include <optional>
#include <variant>
#include <vector>

namespace redlock::quorum {

// Waits for a lock that somebody else holds: says what to listen to, which node to ask, and when to try again. Pure, and a
// hint in all it says: a try that comes too early is refused, one that comes too late has lost time (DESIGN section 3,
// "Waiting"). Safety rests on the acquire request alone.
//
// What each role does about each event is the table in waiter_reactions.hpp.
class Waiter {
 public:
  // `membership` and `entropy` must outlive this object. `retry_delay`: between attempts, before jitter, while too few nodes
  // tell of changes.
  Waiter(Duration retry_delay, const Membership& membership, Entropy& entropy);

  // ---- What has happened

  // An attempt has found the lock held. `round_trip`: how long a quorum took to answer.
  void on_held(TimePoint now, const Held& held, const NodeVotes& votes, Duration round_trip);
  // The node has answered, if only after the verdict on the attempt.
  void on_answer(NodeIndex node) { nodes_[node].answers = true; }

  void on_subscribed(TimePoint now, NodeIndex node, Subscribed mode);
  // `refused`: the node forbids it, and will not be asked again.
  void on_unsubscribed(TimePoint now, NodeIndex node, bool refused);
  // A waiter was granted the lock there, and so many go before us now.
  void on_called(TimePoint now, NodeIndex node, std::uint64_t ahead);
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
  // Try to acquire. `in_turn`: all who go first have had the time to.
  struct Try {
    bool in_turn;
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
  TimePoint expires() const;

 private:
  enum class Asked { Nothing, OutOfTurn, InTurn };  // whether all earlier waiters have had their slots

  struct Node {
    bool answers = false;          // as far as we know
    bool queues = false;           // we stand in its queue
    Asked asked = Asked::Nothing;  // by the probe that is under way
    Subscribed subscribed = Subscribed::Nothing;
    bool told = false;        // that the key has changed, since we last asked or tried
    bool is_to_echo = false;  // it has called; the change that it tells of next is the grant it called for
    TimePoint expires = TimePoint::max();  // by the TTL of its key; max: for all we know, never
  };
  struct Known {
    std::optional<Token> holder;  // none: it has changed since
    std::optional<QueuePosition> position;
    double crowd = 0;                       // 0 to 1: where we stand if no node knows our position
    bool may_queue = true;                  // a node calls us, and has not called us to the front yet
    Duration round_trip = Duration::max();  // the shortest yet
  };
  struct Timers {
    TimePoint check = TimePoint::max();  // see how things are: something was told, or found
    TimePoint doubt{};                   // what less than a quorum tells is not looked into before this
    TimePoint poll = TimePoint::max();   // ask the next node who the holder is: a message may have been lost
    TimePoint retry = TimePoint::max();  // try: too few nodes tell of changes
    TimePoint renew = TimePoint::max();  // try, so that the nodes know that we still wait
  };

  WaiterRole role() const;
  void react(TimePoint now, WaiterEvent event);
  void take_position(TimePoint now, const std::optional<QueuePosition>& position);
  void listen_anew(TimePoint now);
  bool hears() const;
  bool quorum_told() const;
  void move_home();
  void forget_told();
  Duration slot() const;
  Duration slots() const;
  TimePoint expiry_due() const;
  void plan_poll(TimePoint now);
  std::optional<NodeIndex> pick_node();
  Action ask(TimePoint now, Probe what, Asked how);

  Duration retry_delay_;
  const Membership& membership_;
  Entropy& entropy_;
  std::vector<Node> nodes_;
  Known known_;
  Timers timers_;
  WaiterStep wanted_ = WaiterStep::Nothing;  // the most urgent yet
  NodeIndex home_;                           // where a queued waiter is called
  NodeIndex asked_ = 0;                      // the last node that was asked
};

}  // namespace redlock::quorum

#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/node_vote.hpp"
#include "quorum/pace.hpp"
#include "quorum/types.hpp"

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

namespace redlock::quorum {

struct VigilRules {
  std::size_t nodes;
  Duration retry_delay;  // between attempts, before jitter, while no quorum of nodes tells of changes
  bool curious =
      false;  // somebody wants to know who holds the lock: try a while after it has passed to another
};

// Waits for a lock that somebody else holds: hears from the nodes that its key has changed, and says when to look or to
// try again. Pure, like AcquireOp; and a hint in all it says: who tries too early is refused, who tries too late has
// lost time (DESIGN section 3, "Waiting").
//
// A node tells that the key has changed, not how, and of two changes perhaps in one message. What counts is what a quorum
// has told, and where some have told more it is doubtful: a look. But whoever is far back listens to a single node, its
// home, for a hundred who are told of each change by all of them cost more than the lock.
// Home also calls the first in the line by name when one who waited is granted the lock. Whoever is to be called need not
// be told of changes meanwhile, beyond some place or while the line moves fast; and a call is as good as a look.
// Whoever comes near in a line that moves will not stay there: a quorum of nodes suffices for the moment, and if they are
// not far, home alone until it is the first. To connect takes longer than a handoff, so who waits for a while has the
// connections to a quorum ready.
//   The first in the line tries at each change: a release is its turn, and in all other cases its try is refused, and it
//   is told how things are.
//   The second gives it a slot of time to be seen trying. A further change before its end says that somebody was
//   granted the lock, so it looks at one node where it stands now; without one, the first is dead, or it was only an
//   extension: it tries.
//   All others let a time pass in which their turn cannot come, and look whether the holder is another, and if so, where
//   they stand now; while the line moves fast, those far back only count: two changes for each who has had the lock. If
//   nobody is the holder, each of them tries when those before it have had their slots.
// Where calls are to be expected, none of them looks before a slot has passed without one.
class Vigil {
 public:
  // `entropy` must outlive this object.
  Vigil(const VigilRules& rules, Entropy& entropy);

  // An attempt has found the lock held. `round_trip`: how long a quorum took to answer.
  void on_held(TimePoint now, const Held& held, const NodeVotes& votes, Duration round_trip);

  // The node has answered, if only after the verdict on the attempt.
  void on_late_answer(NodeIndex node) { nodes_[node].answers = true; }

  // Whether the node is to tell us of changes.
  bool wants(NodeIndex node) const;
  // It does from now on, or no longer. `calls`: and calls us when our turn comes near.
  void on_listening(TimePoint now, NodeIndex node, bool calls = false);
  void on_deaf(TimePoint now, NodeIndex node);
  // The key has changed there.
  void on_change(TimePoint now, NodeIndex node);

  // Of one node we want to be called.
  bool wants_calls(NodeIndex node) const { return node == home_; }
  // Somebody who waited was granted the lock there, and so many go before us now.
  void on_called(TimePoint now, NodeIndex node, std::uint64_t ahead);

  struct Nothing {};
  // Ask a node.
  struct Look {
    NodeIndex node;
    quorum::Look what;
  };
  // Try to acquire. `in_turn`: all who go first have had the time to.
  struct Try {
    bool in_turn;
  };
  using Action = std::variant<Nothing, Look, Try>;
  // What to do now; to be asked until it is Nothing. After a Try, on_held() begins anew; a Look is owed an outcome, also
  // when it comes later than that.
  Action next(TimePoint now);

  // The outcomes of looks. No holder, or no remaining time: the key is absent. A negative remaining time: it has none to
  // its end.
  void on_holder(TimePoint now, NodeIndex node, const std::optional<Token>& holder);
  void on_remaining(TimePoint now, NodeIndex node, std::optional<std::chrono::milliseconds> remaining);
  void on_outlook(TimePoint now, NodeIndex node, const Outlook& outlook);
  void on_look_failed(NodeIndex node);

  // When next() has something to say though nothing is heard.
  TimePoint deadline() const;

  // It has waited for so long that it pays to have ready whatever the handoff will need, far back as it may be.
  bool gets_ready() const { return gets_ready_; }

  // Until then nothing that the nodes tell can matter.
  TimePoint nap_until() const { return nap_until_; }

  // The node need not tell of changes for now: far back we are called in time; and whoever heeds only home keeps the other
  // connections for later.
  bool hushes(NodeIndex node) const { return node == home_ ? hushes() : heeds_home(); }

  // Whoever is farther back still need not be woken by the first changes: so many are to come together. At least 1.
  unsigned patience() const;

  // Where we stand, as far as we know. None: in no line.
  std::optional<QueuePosition> position() const { return position_; }
  // When, by the TTLs that the nodes told, a quorum falls free; TimePoint::max(): none of them knows.
  TimePoint expires() const;

 private:
  struct Node {
    bool answers = false;  // has answered since the last attempt began
    bool listening = false;
    unsigned changes = 0;                  // since the state of the lock was known
    unsigned known = 0;                    // of these, before it was asked for again
    std::optional<TimePoint> looked_at;    // a look is under way since then
    TimePoint expires = TimePoint::max();  // by its TTL; max: for all we know, never
  };

  bool behind() const { return position_ && position_->ahead >= kBehind; }
  bool near() const { return called_ || !behind(); }
  // Called, and not yet the first, but soon; and the nodes answer so soon that a quorum need not be asked to tell of changes
  // before it is.
  bool passes() const {
    return called_ && calls_ && !settled_ && position_ && position_->ahead > 0 &&
           round_trip_ <= kShortRoundTrip;
  }
  // What counts is what home tells, and not a quorum.
  bool heeds_home() const { return behind() || passes(); }
  bool hushes() const {
    return calls_ && !near() && !rules_.curious && (resting_ || position_->ahead >= kAwake);
  }
  bool just_called(TimePoint now) const;
  bool listening() const;
  void settle_home();
  void settle_in(TimePoint now, const QueuePosition& position);
  void plan_settling(TimePoint now);
  unsigned level() const;
  Duration slot() const;
  Duration slots() const;
  std::uint64_t ahead() const;
  Duration nap() const;
  void doubt(TimePoint now);
  bool counts_on(TimePoint now);
  void rest(TimePoint now);
  TimePoint expiry_at() const;
  void know(TimePoint now, bool held, std::uint64_t moves = 0);
  void recount(TimePoint now);
  void take_change(TimePoint now);
  void note_round_trip(TimePoint now, NodeIndex node);
  bool take_answer(NodeIndex node);
  bool may_inquire() const;
  void inquire(NodeIndex node, quorum::Look what);
  void plan_fallback(TimePoint now);
  void plan_poll(TimePoint now);
  std::optional<NodeIndex> pick_node();

  // From this place on. The others hear of a change from a quorum, before they have to act on the next.
  static constexpr std::uint64_t kBehind = 2;
  // A quorum that is asked so late may miss a release; that costs a look, which takes a round trip.
  static constexpr Duration kShortRoundTrip = std::chrono::milliseconds{4};
  // So many hear of the changes, in case those before them are dead.
  static constexpr std::uint64_t kAwake = 24;

  VigilRules rules_;
  Entropy& entropy_;
  std::vector<Node> nodes_;

  // What is known of the lock and its line.
  std::optional<Token> holder_;
  std::optional<QueuePosition> position_;
  std::optional<TimePoint> free_since_;    // it has been given back, or so it seems
  unsigned level_ = 0;                     // changes that a quorum has told of since
  unsigned counted_ = 0;                   // of these, while the line moved
  TimePoint position_at_{};                // when a node told our place
  Pace pace_;                              // of the line
  Duration round_trip_ = Duration::max();  // the shortest that a node took to answer
  double crowd_ = 0;                       // where we stand when no node tells: between 0 and 1

  bool enter_ = false;   // try now, to stand in the line again
  bool go_ = false;      // try now, in turn
  bool unseen_ = false;  // what has changed before a node told of changes: see when a quorum does
  TimePoint armed_at_ = TimePoint::max();     // try then, in turn
  TimePoint peek_at_ = TimePoint::max();      // see who the holder is then
  TimePoint doubt_at_ = TimePoint::max();     // the same: what the nodes have told does not agree
  TimePoint fallback_at_ = TimePoint::max();  // try then, since too few nodes tell of changes
  TimePoint poll_at_ = TimePoint::max();      // look at the next node then: a message may have been lost
  TimePoint renew_at_ = TimePoint::max();     // try then, so that the nodes know that we still wait
  TimePoint nap_until_{};
  TimePoint heard_at_{};        // the first change since the last nap
  unsigned heard_ = 0;          // the level that it, and what was told with it, made
  bool calls_ = false;          // home calls us
  bool called_ = false;         // it has, and we are near since then
  TimePoint called_at_{};       // the last time
  bool call_explained_ = true;  // home has told of the change that it called us for
  bool resting_ = false;        // the line moves fast, and we are not near: until peek_at_
  bool gets_ready_ = false;
  TimePoint ready_at_ = TimePoint::max();    // it does, then
  bool settled_ = false;                     // near the head of the line for a while: listen to all
  TimePoint settled_at_ = TimePoint::max();  // it is, then
  NodeIndex home_;                           // whom we listen to from far back
  NodeIndex polled_ = 0;                     // the last node that was picked for a look
  std::optional<NodeIndex> asked_;           // who is asked for the state of the lock just now
  std::optional<Look> inquiry_;              // a look that the one before gave reason for
};

}  // namespace redlock::quorum

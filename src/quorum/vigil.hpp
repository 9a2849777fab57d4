#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "quorum/acquisition.hpp"
#include "quorum/ballot.hpp"
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
// try again. Pure, like Acquisition; and a hint in all it says: who tries too early is refused, who tries too late has
// lost time (DESIGN section 3, "Waiting").
//
// A node tells that the key has changed, not how. So what it tells is counted, and the count that a quorum has reached
// is taken for what happened: a first change is a release, and the first in the line tries at once, the one behind it a
// slot later, and so on; a second change is that somebody was granted the lock, and the line has moved up. Whoever still
// hears of one change only when its slot has come looks, or tries: then those before it are dead, or the change was an
// extension.
class Vigil {
 public:
  // `entropy` must outlive this object.
  Vigil(const VigilRules& rules, Entropy& entropy);

  // An attempt has found the lock held. `flight`: how long a quorum took to answer.
  void on_held(TimePoint now, const Held& held, const Ballots& ballots, Duration flight);

  // The node tells of changes from now on, or no longer.
  void on_listening(TimePoint now, NodeIndex node);
  void on_deaf(TimePoint now, NodeIndex node);
  // The key has changed there.
  void on_change(TimePoint now, NodeIndex node);
  // What a look found: the time that the key has left, negative for ever; none: the key is absent.
  void on_look(TimePoint now, NodeIndex node, std::optional<std::chrono::milliseconds> remaining);
  void on_look_failed(NodeIndex node);

  struct Nothing {};
  // Ask the node how long the key has left.
  struct Look {
    NodeIndex node;
  };
  // Try to acquire. `in_turn`: all who go first have had the time to.
  struct Try {
    bool in_turn;
  };
  using Action = std::variant<Nothing, Look, Try>;
  // What to do now; to be asked until it is Nothing. After a Try, on_held() begins anew; a Look is owed an outcome.
  Action next(TimePoint now);

  // When next() has something to say though nothing is heard.
  TimePoint deadline() const;

  // Who is far behind need not hear of each change at once: until then nothing that is heard can matter.
  TimePoint nap_until() const { return nap_until_; }

  // Where we stand, as far as we know. None: in no line.
  std::optional<Place> place() const { return place_; }
  // When, by the TTLs that the nodes told, a quorum falls free; TimePoint::max(): none of them knows.
  TimePoint expires() const;

 private:
  struct Node {
    bool listening = false;
    unsigned changes = 0;                  // since the last attempt, or since a look that found it held
    bool look = false;                     // wanted
    bool looked_at = false;                // a look is under way
    TimePoint expires = TimePoint::max();  // by its TTL; max: for all we know, never
  };

  std::size_t listeners() const;
  unsigned level() const;
  Duration slots() const;
  TimePoint expiry_at() const;
  void start_over(TimePoint now);
  void recount(TimePoint now);
  void on_granted_to_another(TimePoint now);
  void plan_fallback(TimePoint now);
  void plan_poll(TimePoint now);
  std::optional<NodeIndex> next_listener();

  VigilRules rules_;
  Entropy& entropy_;
  std::vector<Node> nodes_;
  std::optional<Place> place_;
  unsigned guessed_ = 0;  // so many moves up the line were counted since a node told our place
  unsigned level_ = 0;    // changes that a quorum has told of
  Duration slot_;
  TimePoint armed_at_ = TimePoint::max();     // the lock is thought free: try then
  TimePoint fallback_at_ = TimePoint::max();  // try then, since too few nodes tell of changes
  TimePoint poll_at_ = TimePoint::max();      // look at the next node then: a message may have been lost
  TimePoint renew_at_ = TimePoint::max();     // try then, so that the nodes know that we still wait
  TimePoint nap_until_{};
  NodeIndex polled_ = 0;                    // the last node that was looked at without a reason
  double crowd_ = 0;                        // where we stand when no node tells: between 0 and 1
  bool ask_place_ = false;                  // try now, to be told our place
  bool go_ = false;                         // try now, in turn: a look has found it free
  std::optional<NodeIndex> deciding_look_;  // whether those before us are dead, or nothing was released
};

}  // namespace redlock::quorum

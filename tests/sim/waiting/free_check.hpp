#pragma once

#include "clocks.hpp"
#include "keyspace.hpp"

#include <cstddef>
#include <map>
#include <optional>

namespace redlock::sim::waiting {

class World;
struct Node;

// Whether those who wait take a lock that is free:
//
//  1. Nobody sleeps past its poll, whatever the nodes have done; and the polls go to each node in turn, also to one that was
//     silent.
//  2. Once a quorum has been free for as long as two polls and the slots of all clients take, one of them has it, or tries.
//     Free is a lock when all its names are, and none is kept for a waiter that wants another name, too; or a slot of it.
//  3. Where nothing is lost, each wants the same one name, and the queues are right, one of them has it, or tries, after a few round trips.
//
// The last two also hold for one that begins to wait while the lock is free already: what told the others of that may have been
// too early for it.
class FreeCheck {
 public:
  explicit FreeCheck(World& world) : world_{world} {}

  // To be called once: from then on it looks again and again at the polls.
  void check_polls();
  // A key has changed, or has expired, or a node hangs or no longer does.
  void look();
  // Somebody has begun to wait for these names.
  void on_waiting(const Names& names);

 private:
  // Of a lock that has been free since then.
  struct Check {
    Names names;
    Instant since;
    bool orderly;
  };
  void begin_check(const Names& names);
  bool is_free(const Names& names) const;
  bool is_kept(const Node& node, std::size_t name, const Names& from) const;
  void plan_checks(const Names& names);
  void plan(const Check& check, Duration after);
  void look_at(const Check& check);
  bool in_order() const;
  std::size_t dead_in_queues() const;
  bool barred_by_the_dead() const;
  std::size_t in_the_way() const;
  bool queue_is_right(const Node& node) const;
  Duration slot() const;
  Duration few_round_trips() const;
  Duration greatest_poll() const;
  Duration two_polls() const;

  World& world_;
  std::map<Names, std::optional<Instant>> free_since_;  // by the names of a lock
};

}  // namespace redlock::sim::waiting

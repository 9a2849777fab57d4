#pragma once

#include "clocks.hpp"
#include "dice.hpp"
#include "keyspace.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/waiter.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace redlock::sim::waiting {

class World;
using quorum::NodeIndex;
using quorum::Subscribed;

// One that wants the lock once, waits for it, holds it for a while, and releases it.
class Client {
 public:
  // `rounds`: so many times it wants the lock, each time as another process.
  struct Wish {
    Names names;
    unsigned rounds = 1;
    std::uint64_t began_us;
  };
  Client(World& world, std::size_t index, Wish wish);

  void start();
  void die() { dead_ = true; }
  // Gives up waiting.
  void leave();
  void stand_still(bool still);
  // An event for it: to be handled when it runs.
  void hear(std::function<void()> event);

  bool live() const { return !dead_ && !stands_still_ && !done_; }
  bool dead() const { return dead_; }
  bool done() const { return done_; }
  bool waits() const { return live() && waiting_ && !holds_; }
  bool has_waited() const { return waiter_.has_value(); }
  bool holds() const { return holds_ && !dead_; }
  // It is about to ask, or has asked: it need not be told.
  bool tries() const { return live() && attempt_ && !waiting_ && !holds_; }
  Instant waits_since() const { return waits_since_; }
  Instant began_to_wait() const { return began_to_wait_; }
  Instant asked_at() const { return asked_at_; }
  // A node that has not been asked while there were as many polls as there are nodes.
  std::optional<NodeIndex> never_polled() const;
  const quorum::QueueEntry& entry() const { return entry_; }
  std::size_t index() const { return index_; }
  const Wish& wish() const { return wish_; }
  const Names& names() const { return wish_.names; }
  // Of the names, one for each queue that it stands in.
  Names queues() const;
  bool wants(std::size_t name) const { return std::ranges::find(names(), name) != names().end(); }
  bool overlaps(const Client& other) const {
    return std::ranges::any_of(names(), [&](std::size_t name) { return other.wants(name); });
  }
  std::string name() const;
  quorum::Waiter& waiter() { return *waiter_; }
  // The outcome of a request.
  void on_answer(NodeIndex node, quorum::RequestId id, const quorum::Reply& reply);
  void on_timeout(NodeIndex node, quorum::RequestId id);
  void unsubscribed(NodeIndex node);

 private:
  void attempt(const quorum::Waiter::Try& how);
  void send(const std::vector<quorum::Send>& sends);
  void judge();
  void hold();
  void release();
  void go_on();
  void subscribe();
  bool is_first_everywhere() const;
  void note_asked(const quorum::Waiter::Ask& ask);
  void arm(TimePoint at, std::function<void()> then);

  World& world_;
  std::size_t index_;
  Wish wish_;
  Dice dice_;
  quorum::RequestIds ids_;
  quorum::Membership membership_;
  quorum::QueueEntry entry_;
  std::optional<quorum::AcquireOp> attempt_;
  TimePoint attempt_began_{};
  Duration round_trip_ = Duration::max();
  std::optional<quorum::Waiter> waiter_;
  std::vector<Subscribed> subscriptions_;  // wanted
  quorum::Token token_;
  quorum::Slot slot_ = 0;
  quorum::Token holder_;      // that refused it last
  bool was_first_ = false;    // at its last try
  unsigned passed_over_ = 0;  // so many tries as the first have met a new holder
  bool waiting_ = false;
  bool holds_ = false;
  bool dead_ = false;
  bool stands_still_ = false;
  bool done_ = false;
  std::uint64_t armed_ = 0;  // earlier timers are void
  Instant waits_since_{};
  Instant began_to_wait_{};
  Instant asked_at_{};
  std::vector<std::size_t> polls_without_;  // since the node was asked
  std::vector<std::function<void()>> unheard_;
};

}  // namespace redlock::sim::waiting

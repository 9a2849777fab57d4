#pragma once

#include "lock/driver.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/waiter.hpp"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace redlock::lock {

// Waits between two attempts for a lock that somebody else holds: listens to what a quorum::Waiter wants to hear, asks what
// it wants to know, and tells it what comes of both.
class Waiting {
 public:
  explicit Waiting(Driver& driver) : driver_{driver}, probes_(driver.size()) {}

  struct Wait {
    const quorum::NodeVotes& votes;           // of the attempt
    std::optional<quorum::QueueEntry> entry;  // of this process; the same in all attempts
    Duration round_trip;                      // the shortest time that an attempt took to find the lock held
    TimePoint until;
    Duration retry_delay;  // see quorum::Waiter
    // Hears when the position in the queue, the holder, or when the lock expires, is not what `held` says.
    std::function<void(const quorum::Held&)> on_news;
  };
  struct Woken {
    bool by_descriptor = false;
    bool in_turn = false;  // quorum::AcquireRules
    bool bars = false;     // likewise
  };
  // After an attempt that found the lock held: listens to the nodes, on further connections, until it is time for the next
  // attempt, or a descriptor of `wake_fds` is readable.
  Woken await_turn(const quorum::Held& held, const Wait& wait, std::span<const int> wake_fds);

  // What the driver's listener hears, also while an attempt goes on. Returns whether the event is no outcome of an attempt's
  // request.
  bool take(const redis::Event& event);

 private:
  void note_subscribed(TimePoint now, quorum::NodeIndex node, bool calls);
  void take_probe(const redis::Event& event);
  void subscribe();
  void probe(const quorum::Waiter::Ask& wanted, Duration round_trip);
  void tell_news(const Wait& wait);

  struct Probing {
    quorum::RequestId id = 0;  // 0: none
    quorum::Probe what{};
  };

  Driver& driver_;
  std::optional<quorum::QueueEntry> entry_;
  std::optional<quorum::Waiter> waiter_;  // once the lock was held by somebody else
  std::vector<Probing> probes_;           // under way
  quorum::Held told_{};                   // to on_news
  TimePoint told_expires_{};
};

}  // namespace redlock::lock

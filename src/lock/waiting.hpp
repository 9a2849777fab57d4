#pragma once

#include "lock/driver.hpp"
#include "quorum/acquire_op.hpp"
#include "quorum/vigil.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace redlock::lock {

// Waits between two attempts for a lock that somebody else holds: asks the nodes what a quorum::Vigil wants to know, and
// tells it what they say.
class Waiting {
 public:
  explicit Waiting(Driver& driver);

  // From now on changes may be those of an attempt; they count once it has found the lock held.
  void begin_attempt();

  struct Wait {
    const quorum::NodeVotes& votes;        // of the attempt
    std::optional<quorum::Waiter> waiter;  // this process; the same in all attempts
    Duration round_trip;                   // the shortest time that an attempt took to find the lock held
    TimePoint until;
    Duration retry_delay;  // see quorum::VigilRules
    bool curious;          // likewise
    // Hears when the position in the queue, or when the lock expires, is not what `held` says.
    std::function<void(const quorum::Held&)> on_news;
  };
  struct Woken {
    bool by_descriptor = false;
    bool in_turn = false;  // quorum::AcquireRules
  };
  // After an attempt that found the lock held: listens to the nodes, on further connections, until it is time for the next
  // attempt, or a descriptor of `wake_fds` is readable.
  Woken await_turn(const quorum::Held& held, const Wait& wait, std::span<const int> wake_fds);

  // What the driver's listener hears. Returns whether the event is no outcome of an attempt's request. `attempting`: an
  // attempt has no verdict yet.
  bool take(const redis::Event& event, bool attempting);

 private:
  void listen();
  void look(const quorum::Vigil::Look& wanted, Duration round_trip);
  void take_look(const redis::Event& event);

  struct Looking {
    quorum::RequestId id = 0;  // 0: none
    quorum::Look what{};
  };

  Driver& driver_;
  std::optional<quorum::Waiter> waiter_;
  std::string calls_;                   // the channel on which we are called while we wait
  std::optional<quorum::Vigil> vigil_;  // once the lock was held by somebody else
  std::vector<unsigned> heard_;         // changes since the attempt under way began
  std::vector<Looking> looks_;          // under way
};

}  // namespace redlock::lock

#pragma once

#include "lock/driver.hpp"
#include "quorum/node_vote.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace redlock::lock {

// The pauses between attempts while nobody can have the lock: the votes stay split, or no quorum answers. They grow from
// retry_delay to some seconds for as long as the nodes say the same. A pause ends early when a node tells that the key has
// changed, when a node is back that was away, and when, by what is known, a quorum falls free or has votes again.
class RetryPause {
 public:
  // `driver` must outlive this object.
  explicit RetryPause(Driver& driver) : driver_{driver}, probes_(driver.size()) {}

  struct Pause {
    Duration retry_delay;               // before jitter
    std::optional<Duration> free_in{};  // by the TTLs that the nodes told
    TimePoint until;                    // at the latest
  };
  // Pauses after an attempt that ended with these votes, or until a descriptor of `wake_fds` is readable, which is returned.
  std::optional<int> wait(const quorum::NodeVotes& votes, const Pause& pause, std::span<const int> wake_fds);

  // The lock is held: the next pause is a short one again. Returns whether nodes were listened to.
  bool reset();

  // Hears the driver's events. Returns whether the event is for the pause alone.
  bool take(const redis::Event& event);

 private:
  void note(const quorum::NodeVotes& votes);
  TimePoint end_of(const quorum::NodeVotes& votes, const Pause& pause);
  void listen();
  void probe_absent(const quorum::NodeVotes& votes);

  Driver& driver_;
  std::vector<std::string> picture_;       // what each node said in the last attempt
  unsigned same_ = 0;                      // attempts before it that found the same
  bool listens_ = false;                   // to changes of the key
  bool news_ = false;                      // since the pause began
  std::vector<quorum::RequestId> probes_;  // under way; 0: none
};

}  // namespace redlock::lock

#pragma once

#include "lock/driver.hpp"
#include "quorum/release_op.hpp"

namespace redlock::lock {

// Releases a lock on all nodes. The two steps may be taken on different threads, as those of the driver are.
class Releaser {
 public:
  // `driver` must outlive the releaser.
  Releaser(Driver& driver, const quorum::ReleaseRequest& release);

  // Unless it has begun: leaves the lock behind, or deletes it. `lease`: for so long others may be extending it.
  void leave_behind(const std::optional<quorum::Rest>& rest, std::chrono::milliseconds lease) {
    if (!until_) operation_.leave_behind(rest, lease);
  }
  const std::optional<quorum::Rest>& rest() const { return operation_.rest(); }
  bool by_hand() const { return operation_.by_hand(); }

  // Sends the release, without waiting. Once: later calls do nothing.
  void begin();

  // Begins, if that has not been done, and waits for a quorum of answers. A node beyond that quorum need not have
  // answered, if it has the release in its socket. At most node_timeout from begin(), and a second for nodes beyond the
  // quorum.
  quorum::ReleaseResult finish();

 private:
  void wait();
  bool stragglers_are_served() const;

  Driver& driver_;
  quorum::ReleaseOp operation_;
  std::optional<TimePoint> until_;  // once it has begun
};

}  // namespace redlock::lock

#pragma once

#include "lock/driver.hpp"
#include "quorum/release_op.hpp"

namespace redlock::lock {

// Releases a lock on all nodes. The two steps may be taken on different threads, as those of the driver are.
class Releaser {
 public:
  // `driver` must outlive the releaser. A release by hand goes to all nodes, also to those that no request of this process has
  // reached.
  Releaser(Driver& driver, const quorum::ReleaseRequest& release);

  // Sends the release, without waiting. Once: later calls do nothing.
  void begin();

  // Begins, if that has not been done, and waits for a quorum of answers. A node beyond that quorum need not have
  // answered, if it has the release in its socket, unless this one is by hand. At most node_timeout from begin().
  quorum::ReleaseResult finish();

  // For the time after finish().
  const quorum::ReleaseOp& operation() const { return operation_; }

 private:
  bool stragglers_are_served() const;

  Driver& driver_;
  bool by_hand_;
  quorum::ReleaseOp operation_;
  std::optional<TimePoint> until_;  // once it has begun
};

}  // namespace redlock::lock

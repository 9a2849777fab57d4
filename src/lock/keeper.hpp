#pragma once

#include "base/fd.hpp"
#include "lock/driver.hpp"
#include "lock/releaser.hpp"
#include "quorum/lease.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <thread>

namespace redlock::lock {

struct KeeperCallbacks {
  std::function<void(TimePoint)> extended;  // the new end of validity
  // An attempt to extend failed, `in_a_row` with those before it, and is going to be repeated.
  std::function<void(unsigned in_a_row, TimePoint valid_until)> extend_failed;
  std::function<void(const quorum::Loss&)> lost;  // no more extensions follow
};

// Extends a lease until it is lost, and returns why, or until a descriptor of `wake_fds` is readable. Calls but `lost`.
std::optional<quorum::Loss> keep(Driver& driver, const quorum::LeaseRules& rules, const quorum::Won& won,
                                 std::span<const int> wake_fds, const KeeperCallbacks& callbacks);

// The background thread that extends a lease while the command runs. It has the driver to itself until it is stopped.
class Keeper {
 public:
  // The callbacks are called on the keeper's thread, which has an extension to make: none may block. `driver` and
  // `releaser` must outlive the keeper.
  Keeper(Driver& driver, Releaser& releaser, const quorum::LeaseRules& rules, quorum::Won won,
         KeeperCallbacks callbacks);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper();  // stops

  // Starts extending. Separate from construction, so that processes can be forked before there is a second
  // thread, and need not be done for what is over in a moment. Throws SystemError when the kernel has no thread to give.
  void start();

  // Ends the thread within the time of one poll and gives the driver back. Idempotent.
  void stop();
  // The same; and unless the lease was lost, Releaser::begin(). That is the last act of the thread, if there is one: the
  // next holder need not wait for its end.
  void stop_and_release();

  // Why the lease was lost, after stop().
  const std::optional<quorum::Loss>& loss() const { return loss_; }

 private:
  Driver& driver_;
  Releaser& releaser_;
  quorum::LeaseRules rules_;
  quorum::Won won_;
  KeeperCallbacks callbacks_;
  UniqueFd stop_fd_;
  std::atomic<bool> release_ = false;  // when stopped
  std::optional<quorum::Loss> loss_;
  std::thread thread_;
};

}  // namespace redlock::lock

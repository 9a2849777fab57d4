#pragma once

#include "base/fd.hpp"
#include "lock/session.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <thread>

namespace redlock::lock {

// The background thread that extends a lease while the command runs. It has the session to itself until it is
// stopped.
class Keeper {
 public:
  struct Callbacks {
    std::function<void(TimePoint)> extended;        // the new end of validity
    std::function<void(const quorum::Loss&)> lost;  // no more extensions follow
  };

  // Both callbacks are called on the keeper's thread.
  Keeper(Session& session, const quorum::LeaseRules& rules, quorum::Won won, Callbacks callbacks);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper();  // stops

  // Starts extending. Separate from construction, so that processes can be forked before there is a second
  // thread, and need not be done for what is over in a moment. Throws SystemError when the kernel has no thread to give.
  void start();

  // Ends the thread within the time of one poll and gives the session back. Idempotent.
  void stop();
  // The same; and unless the lease was lost, Session::begin_release(). Where there is a thread that is its last act: the
  // next holder need not wait for its end.
  void stop_and_release();

  // Why the lease was lost, after stop().
  const std::optional<quorum::Loss>& loss() const { return loss_; }

 private:
  Session& session_;
  quorum::LeaseRules rules_;
  quorum::Won won_;
  Callbacks callbacks_;
  UniqueFd stop_fd_;
  std::atomic<bool> release_ = false;  // when stopped
  std::optional<quorum::Loss> loss_;
  std::thread thread_;
};

}  // namespace redlock::lock

#pragma once

#include "cli/lock_events.hpp"
#include "lock/releaser.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace redlock::cli {

// Releases the lock at the end of the scope, unless it is kept, and says so when no quorum confirms it.
class ReleaseOnExit {
 public:
  struct Lock {
    const std::vector<std::string>& names;
    std::chrono::milliseconds ttl;
    quorum::Token token;
    quorum::Slot slot = 0;
  };
  // All must outlive this object.
  ReleaseOnExit(lock::Driver& driver, const Lock& lock, LockEvents& events)
      : driver_{driver},
        names_{lock.names},
        ttl_{lock.ttl},
        releaser_{driver, {.token = lock.token, .slot = lock.slot}},
        events_{events} {}
  ReleaseOnExit(const ReleaseOnExit&) = delete;
  ReleaseOnExit& operator=(const ReleaseOnExit&) = delete;
  ~ReleaseOnExit();

  lock::Releaser& releaser() { return releaser_; }

  // Leaves the lock behind to rest instead, or does not, if the release has not begun.
  void leave_behind(const std::optional<quorum::Rest>& rest) { releaser_.leave_behind(rest, ttl_); }

  // The caller has the token now, and releases the lock itself.
  void keep() { kept_ = true; }
  // The user has been told that the lock is lost. Not while another thread destroys this object.
  void lost() { lost_ = true; }

 private:
  void release();
  void tell_of_release(quorum::ReleaseResult result, TimePoint asked) const;
  void tell_of_rest(quorum::ReleaseResult result, TimePoint asked) const;

  lock::Driver& driver_;
  const std::vector<std::string>& names_;
  std::chrono::milliseconds ttl_;
  lock::Releaser releaser_;
  LockEvents& events_;
  bool kept_ = false;
  bool lost_ = false;
};

}  // namespace redlock::cli

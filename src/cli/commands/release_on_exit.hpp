#pragma once

#include "cli/lock_events.hpp"
#include "lock/releaser.hpp"

namespace redlock::cli {

// Releases the lock at the end of the scope, unless it is kept.
class ReleaseOnExit {
 public:
  // Both must outlive this object.
  ReleaseOnExit(lock::Driver& driver, const quorum::Token& token, LockEvents& events)
      : releaser_{driver, {.token = token}}, events_{events} {}
  ReleaseOnExit(const ReleaseOnExit&) = delete;
  ReleaseOnExit& operator=(const ReleaseOnExit&) = delete;
  ~ReleaseOnExit();

  lock::Releaser& releaser() { return releaser_; }

  // The caller has the token now, and releases the lock itself.
  void keep() { kept_ = true; }

 private:
  lock::Releaser releaser_;
  LockEvents& events_;
  bool kept_ = false;
};

}  // namespace redlock::cli

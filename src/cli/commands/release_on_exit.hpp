#pragma once

#include "cli/lock_events.hpp"
#include "lock/session.hpp"

namespace redlock::cli {

// Releases the lock at the end of the scope, unless it is kept.
class ReleaseOnExit {
 public:
  // All must outlive this object.
  ReleaseOnExit(lock::Session& session, const quorum::Token& token, LockEvents& events)
      : session_{session}, token_{token}, events_{events} {}
  ReleaseOnExit(const ReleaseOnExit&) = delete;
  ReleaseOnExit& operator=(const ReleaseOnExit&) = delete;
  ~ReleaseOnExit();

  // The caller has the token now, and releases the lock itself.
  void keep() { kept_ = true; }

 private:
  lock::Session& session_;
  const quorum::Token& token_;
  LockEvents& events_;
  bool kept_ = false;
};

}  // namespace redlock::cli

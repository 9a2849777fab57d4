#pragma once

#include "base/fd.hpp"
#include "process/executable.hpp"
#include "process/leash.hpp"
#include "process/signal_fd.hpp"

#include <sys/types.h>

#include <optional>

namespace redlock::process {

// The reason why the child could not become the command, left by the child. Its parent does not wait for the exec: it
// looks here when the child has ended.
class StartFailure {
 public:
  StartFailure();  // throws SystemError

  int fd() const noexcept { return fd_.get(); }

  // Once, in the child, and once in its parent; none: the exec has happened, or the child was killed before.
  void put(const ExecPlan::Failure& failure) const noexcept;
  std::optional<ExecPlan::Failure> take() const noexcept;

 private:
  UniqueFd fd_;
};

// Starts the command as a child of this process, which it does not outlive: with signal mask and dispositions as redlock
// found them, in the same process group, provided that the leash is still good just before the exec. Returns the pid of
// the child at once, which may look for the program on slow file systems for long; -1 and errno where the kernel refuses.
// Async-signal-safe.
pid_t spawn(const ExecPlan& plan, const Leash& leash, const SignalFd& signals,
            const StartFailure& failure) noexcept;

}  // namespace redlock::process

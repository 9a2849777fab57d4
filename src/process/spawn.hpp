#pragma once

#include "base/clock.hpp"
#include "process/executable.hpp"
#include "process/leash.hpp"
#include "process/signal_fd.hpp"

#include <sys/types.h>

namespace redlock::process {

// For the command's process between fork and exec.
struct SpawnContext {
  const ExecPlan& plan;
  Leash& leash;  // gets the reason if the exec fails
  const SignalFd& signals;
  Clock& clock;
};

// Starts the command as a child of this process: in its process group, with the signal mask and dispositions that redlock
// was given, and only if the leash is still good just before the exec. The child is killed when this process dies.
// Returns its pid at once, even if it looks for the program on slow file systems; -1 and errno when the kernel refuses.
// Async-signal-safe.
pid_t spawn(const SpawnContext& context) noexcept;

}  // namespace redlock::process

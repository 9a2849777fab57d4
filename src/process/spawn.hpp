#pragma once

#include "process/executable.hpp"
#include "process/leash.hpp"
#include "process/signals.hpp"

#include <sys/types.h>

namespace redlock::process {

struct Spawned {
  pid_t pid = -1;         // -1: not started, for one of these reasons
  int fork_error = 0;     // errno of clone(2)
  bool too_late = false;  // the lease was over
  ExecPlan::Failure exec_failure;
};

// Starts the command as a child of this process, which it does not outlive: with signal mask and dispositions
// as redlock found them, in the same process group, provided that the leash is still good at the last instant
// before the exec. Returns when the exec has happened. Async-signal-safe.
Spawned spawn(const ExecPlan& plan, const Leash& leash, const SignalGate& gate) noexcept;

}  // namespace redlock::process

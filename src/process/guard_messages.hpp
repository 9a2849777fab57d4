#pragma once

#include "base/clock.hpp"

#include <sys/types.h>

namespace redlock::process {

// What the guard tells the user itself when redlock is gone: otherwise redlock does. Async-signal-safe, no heap.

// A process of the command does not die, or may not be killed. `pid`: 0 if unknown.
void tell_stuck_without_redlock(pid_t pid, bool refused) noexcept;

// The command is stopped, but for `survivors`. `late`: how long after the end of validity. Says nothing if both are zero.
void tell_end_without_redlock(int survivors, Duration late) noexcept;

}  // namespace redlock::process

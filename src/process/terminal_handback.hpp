#pragma once

#include <sys/types.h>

namespace redlock::process {

struct JobProcesses {
  pid_t parent;  // of redlock
  pid_t redlock;
  pid_t guard;
};

// While the guard ends the command of a redlock that is dead or stopped, takes the terminal away from what it has still
// to kill, and gives it to the shell that redlock was started by. Returns when the guard is gone, or redlock goes on.
// For a child of redlock, in its session; it may move to another group. Async-signal-safe.
void hand_terminal_back(const JobProcesses& job) noexcept;

}  // namespace redlock::process

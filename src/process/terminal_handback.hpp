#pragma once

#include <sys/types.h>

namespace redlock::process {

struct JobProcesses {
  pid_t parent;  // of redlock
  pid_t redlock;
  pid_t guard;
};

// Gives the terminal to the shell that started redlock, and keeps it there, while the guard ends the command of a redlock
// that is dead or stopped. Without this, an interactive shell under redlock, which takes the terminal when one of its
// processes dies, would make the outer shell read the end of its input. Returns when the guard is gone or redlock goes on.
// For a child of redlock, in its session; may move it to another process group. Async-signal-safe.
void hand_terminal_back(const JobProcesses& job) noexcept;

}  // namespace redlock::process

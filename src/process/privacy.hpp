#pragma once

namespace redlock::process {

// Keeps this process and those that it forks from leaving a core file, and hides memory, environment, executable and open
// files from everybody but root (PR_SET_DUMPABLE in prctl(2)): other processes cannot read a password, and pidof and fuser
// do not find it. Ends with the next execve(2), so the command is not affected. Async-signal-safe.
void make_private() noexcept;

}  // namespace redlock::process

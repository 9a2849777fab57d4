#pragma once

namespace redlock::process {

// What ps(1), pgrep -f and pkill -f show of this process: its arguments. First in main.
void remember_title(int argc, char** argv) noexcept;

// Shows `name`, in /proc/PID/cmdline and as the process's name, for a forked process that does another's work than the
// one that was started: so `pkill -f` on that one's arguments passes it by. As much of it as there were arguments.
// Async-signal-safe.
void change_title(const char* name) noexcept;

// Hides the executable and the open files of this process, by which pidof and fuser find it, from all but root. What it
// executes is not affected. Async-signal-safe.
void hide_executable() noexcept;

}  // namespace redlock::process

#pragma once

namespace redlock::process {

// Notes where the arguments are, which ps(1), pgrep -f and pkill -f look at. Call it first in main.
void remember_title(int argc, char** argv) noexcept;

// Makes `name` the name and the arguments of this process, as far as the space of the arguments goes. For a forked process
// with a task of its own, which `pkill -f` on the arguments of redlock must not hit. Async-signal-safe.
void change_title(const char* name) noexcept;

}  // namespace redlock::process

#pragma once

#include "base/timer.hpp"
#include "process/channel.hpp"
#include "process/spawn.hpp"

namespace redlock::process {

// In ps(1): while the command runs, or all that it has left running is waited for; and from then on (see NestedMark).
inline constexpr const char* kGuardName = "lock-guard";
inline constexpr const char* kEndingGuardName = "lock-guard-ends";

// Made by redlock before the fork, while a failure can still be reported.
struct GuardContext {
  SpawnContext spawn;
  const Channel& channel;  // the guard's end
  Timer& timer;
  int child_events;  // signalfd of SIGCHLD
  bool stop_when_lost;
};

// The guard: a small process between redlock and the command, which is its child; it is the subreaper of everything that
// the command starts. It tells redlock how the command ended, and kills the whole tree when the lease ends or redlock is
// gone. For that it needs nothing but its memory, and standard error for what it has to say then. It was forked from a
// program that may have had threads, so it uses no heap and no locks.
[[noreturn]] void run_guard(const GuardContext& context) noexcept;

}  // namespace redlock::process

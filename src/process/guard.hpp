#pragma once

#include "process/channel.hpp"
#include "process/spawn.hpp"
#include "process/timer.hpp"

namespace redlock::process {

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
// gone. For that it needs nothing but its memory. It was forked from a program that may have had threads, so it uses no
// heap, no locks and no log.
[[noreturn]] void run_guard(const GuardContext& context) noexcept;

}  // namespace redlock::process

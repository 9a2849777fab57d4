#pragma once

#include "process/channel.hpp"
#include "process/executable.hpp"
#include "process/leash.hpp"
#include "process/signal_fd.hpp"
#include "process/spawn.hpp"
#include "process/timer.hpp"

#include <sys/types.h>

namespace redlock::process {

// All that the guard works with, made by redlock before the fork, where a failure can still be told.
struct GuardTools {
  const ExecPlan& plan;
  const SignalFd& signals;
  Leash& leash;
  Channel& channel;  // the guard's end
  Timer& timer;
  int child_events;  // signalfd of SIGCHLD
  const StartFailure& start_failure;
  bool stop_when_lost;
};

// The guard: the small process between redlock and the command, its parent and the subreaper of all that
// comes from it. It runs the command, tells redlock how it ended, and kills the whole tree by itself when the
// lease ends or redlock is gone; it needs nothing from redlock for that but memory that stays. It was forked
// from a program that may have had threads: no heap, no locks, no log in here.
[[noreturn]] void run_guard(const GuardTools& tools) noexcept;

}  // namespace redlock::process

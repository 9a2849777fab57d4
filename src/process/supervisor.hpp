#pragma once

#include "base/timer.hpp"
#include "process/channel.hpp"
#include "process/child.hpp"
#include "process/children.hpp"
#include "process/command.hpp"
#include "process/foreground.hpp"

#include <sys/types.h>

#include <span>

namespace redlock::process {

struct Supervision {
  const CommandSpec& spec;
  const ExecPlan& plan;
  const CommandContext& context;
  const CommandHooks& hooks;
  Channel& channel;  // redlock's end
  Timer& timer;
  ChildLists& lists;                        // of this thread; moved from
  std::span<const pid_t> foreign_children;  // to be left alone
  Foreground& foreground;
};

// Redlock's side while the command runs: it passes signals to the guard, stops and continues with the job, takes the
// guard's reports, and decides about what the command has left running. It is also the second line of defence: it does what
// the guard, because it was stopped or killed, fails to do in time. Returns or throws once the guard is reaped or on its
// way out, and the command is dead.
CommandResult supervise(const Supervision& supervision, OwnedChild guard);

}  // namespace redlock::process

#pragma once

#include "process/channel.hpp"
#include "process/child.hpp"
#include "process/children.hpp"
#include "process/command.hpp"
#include "process/foreground.hpp"
#include "process/timer.hpp"

#include <sys/types.h>

#include <functional>
#include <span>

namespace redlock::process {

struct Supervision {
  const ExecPlan& plan;
  Leash& leash;
  SignalFd& signals;
  Channel& channel;  // redlock's end
  Timer& timer;
  ChildLists& lists;                        // of this thread; taken
  std::span<const pid_t> foreign_children;  // children to leave alone
  bool stop_when_lost;
  bool until_all_ended;  // --release-when=all
  Foreground& foreground;
  const std::function<void()>& on_long_run;  // see Command::run()
  const std::function<void()>& ended;        // the same
};

// Redlock's side while the command runs: passes signals to the guard, stops and goes on with the job, takes
// the guard's report, says what is to become of what the command has left running, and is the second line: what the guard
// fails to do in time, since it was stopped or killed, is done here. Returns, or throws, when the guard has been reaped
// and the command is dead.
CommandResult supervise(const Supervision& supervision, OwnedChild guard);

}  // namespace redlock::process

#pragma once

#include "base/clock.hpp"
#include "process/child.hpp"
#include "process/children.hpp"
#include "process/executable.hpp"
#include "process/exit_reason.hpp"
#include "process/leash.hpp"
#include "process/signal_fd.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

// The command of `run`: spawned, signalled and, when its lease ends, stopped (DESIGN section 4).
namespace redlock::process {

struct CommandSpec {
  std::vector<std::string>
      argv;  // argv[0] is looked up in PATH as by execvp(3), without its fallback to a shell
  Environment environment = {};  // on top of redlock's own
  bool stop_when_lost = true;    // false (--on-lost=warn): the command runs on, and a message says so at once
  // --release-when=all: wait, under the leash, for what the command leaves running. A nested run among that (NestedMark) is
  // waited for in any case.
  bool until_all_ended = false;
};

// All must outlive the call of run_command().
struct CommandContext {
  Leash& leash;
  SignalFd& signals;
  Clock& clock;
};

// Called in redlock's process, on the calling thread, at most once each. If one of them throws, every process is killed and
// run_command() throws the same.
struct CommandHooks {
  // The command has not ended after 10 ms, or less if TERM is near. The place to start the keeper thread, which costs more
  // than many a command.
  std::function<void()> long_run = [] {};
  // The command has ended and, if that is waited for, so has what it left running. The guard still waits, so this is the
  // place to release the lock without delay. Not called if the guard died without a report.
  std::function<void(const ExitReason&)> ended = [](const ExitReason&) {};
};

struct CommandResult {
  ExitReason exit_reason;
  bool lease_lost = false;  // the lease was lost, ran out, or was given up to stop the command in time
  // The command died of this signal, INT or QUIT, which a terminal had sent to the job. Redlock has to die of it, too
  // (SignalFd::die_of()), or a shell loop of runs could not be left with Ctrl-C.
  std::optional<int> terminal_signal = {};
  // The guard, which has done its work and is exiting; reaped on destruction. Release the lock before that.
  OwnedChild guard = {};
};

// Runs the command until it is reaped, and passes signals on to it. `lists`: from open_child_lists(), in this thread.
//
// Processes that the command leaves running are ended if the command was cancelled (see Cancellation), waited for with
// `until_all_ended`, and left alone otherwise. On return every process that was started is dead, except for the guard,
// those left alone, and the survivors that ExitReason counts. Orphans that this process receives meanwhile (as PID 1, for
// example) are reaped. Children that it had before, and their descendants, are left alone.
//
// Throws SystemError when the kernel refuses.
CommandResult run_command(const CommandSpec& spec, ChildLists lists, const CommandContext& context,
                          const CommandHooks& hooks = {});

}  // namespace redlock::process

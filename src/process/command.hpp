#pragma once

#include "base/fd.hpp"
#include "process/channel.hpp"
#include "process/child.hpp"
#include "process/children.hpp"
#include "process/executable.hpp"
#include "process/exit_reason.hpp"
#include "process/leash.hpp"
#include "process/signal_fd.hpp"
#include "process/spawn.hpp"
#include "process/timer.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

// The command of `run`: spawned, signalled and, when its lease ends, stopped (DESIGN section 4).
namespace redlock::process {

struct CommandSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH like execvp(3), but no shell runs on ENOEXEC
  Environment environment = {};   // on top of ours, replacing what is there
  bool stop_when_lost = true;  // false (--on-lost=warn): the command runs on, and a message says so at once
  bool until_all_ended =
      false;  // --release-when=all: what the command leaves running is waited for, under the leash
};

struct CommandResult {
  ExitReason exit_reason;
  bool lease_lost = false;  // the lease was lost, ran out, or was given up to stop the command in time
  // The command died of this signal, INT or QUIT, which a terminal had sent to the job: for the shell's sake redlock is to
  // die of it too (SignalFd::die_of()), or a loop of runs could not be left with Ctrl-C.
  std::optional<int> terminal_signal = {};
  // The guard, which has done its work and is on its way out: reaped on destruction. Release the lock before
  // that, not after: the one takes as long as the other, and they do not wait for each other.
  OwnedChild guard = {};
};

// A command that is to run once, under a leash. All calls are the main thread's.
class Command {
 public:
  // Starts nothing. `leash` and `signals` must outlive the command. Throws SystemError when the kernel refuses.
  Command(CommandSpec spec, Leash& leash, SignalFd& signals);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // Runs the command until it has been reaped, passing signals on. Once. Blocks the calling thread. The guard is forked
  // here: other threads do not exist in it, and it closes what they hold open.
  //
  // Processes that the command leaves running are ended if the command was cancelled (see Cancellation), waited for with
  // `until_all_ended`, and left alone otherwise.
  //
  // `on_long_run` is called once in this process when the command has not ended after 10 ms, or sooner where TERM is near:
  // the place to start the keeper thread, which costs more than many a command. What it throws goes to the caller, with
  // all processes dead.
  //
  // `ended` is called once in this process when the command has ended and, where that is waited for, what it has left
  // running; before the guard is let go: the place to
  // give the lock back without delay. It is not called when the guard came to no report. What it throws goes to the
  // caller, too.
  //
  // When this returns, everything that was started is dead, but for the guard (see CommandResult), what outlived the
  // command's own end (a daemon) and what ExitReason calls survivors. Orphans that reach this process meanwhile (as
  // PID 1, say) are reaped, unless it had children before: those, and what comes of them, are neither reaped
  // nor killed.
  CommandResult run(const std::function<void()>& on_long_run = {}, const std::function<void()>& ended = {});

 private:
  pid_t fork_guard(ChannelPair& channel);

  CommandSpec spec_;
  Leash& leash_;
  SignalFd& signals_;
  ExecPlan plan_;
  ChildLists lists_;  // before a command could unmount /proc
  Timer guard_timer_;
  Timer own_timer_;
  UniqueFd child_events_;  // the guard's
  StartFailure start_failure_;
};

}  // namespace redlock::process

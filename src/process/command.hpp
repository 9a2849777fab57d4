#pragma once

#include "process/child.hpp"
#include "process/ending.hpp"
#include "process/executable.hpp"
#include "process/leash.hpp"
#include "process/signals.hpp"

#include <functional>
#include <string>
#include <vector>

// The command of `run`: spawned, signalled and, when its lease ends, stopped (DESIGN section 4).
namespace redlock::process {

struct CommandSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH like execvp(3), but no shell runs on ENOEXEC
  Environment environment;        // on top of ours, replacing what is there
  bool stop_when_lost = true;  // false (--on-lost=warn): the command runs on, and a message says so at once
};

struct Outcome {
  Ending ending;
  bool lease_lost = false;  // the lease was lost, ran out, or was given up to stop the command in time
  // The guard, which has done its work and is on its way out: reaped on destruction. Release the lock before
  // that, not after: the one takes as long as the other, and they do not wait for each other.
  OwnedChild guard = {};
};

// Runs the command under `leash` until it has been reaped, passing signals on. Blocks the calling thread,
// which must be the main thread. Forks the guard: other threads do not exist there, and what they hold open,
// it closes.
//
// `started` is called once in this process when the guard exists: the place to start the keeper thread. It
// runs while the guard starts the command, and so even where that fails. It is not called when there is no
// guard. What it throws goes to the caller, with all processes dead.
//
// `ended` is called once in this process when the command's end is reported, before the guard is let go: the place to
// give the lock back without delay. It is not called when the guard came to no report. What it throws goes to the
// caller, too.
//
// When this returns, everything that was started is dead, but for the guard (see Outcome), what outlived the
// command's own end (a daemon) and what Ending calls survivors. Orphans that reach this process meanwhile (as
// PID 1, say) are reaped, unless it had children before: those, and what comes of them, are neither reaped
// nor killed.
Outcome run(const CommandSpec& spec, Leash& leash, SignalGate& signals, const std::function<void()>& started,
            const std::function<void()>& ended = {});

}  // namespace redlock::process

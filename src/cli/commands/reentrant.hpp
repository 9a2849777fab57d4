#pragma once

#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/lock_events.hpp"
#include "process/signal_fd.hpp"

#include <optional>

namespace redlock::cli {

// `run --reentrant`: where a run around this one holds the lock, runs the command under the lease and the guard of that run,
// and releases nothing. Returns the exit status. Returns nothing where no run around this one has to do with the lock, which is
// then to be acquired. A fatal signal before the command starts ends redlock here.
std::optional<int> run_under_outer_lease(const Arguments& arguments, const LockNames& lock,
                                         process::SignalFd& signals, LockEvents& events);

}  // namespace redlock::cli

#pragma once

#include "base/clock.hpp"
#include "process/executable.hpp"
#include "process/exit_reason.hpp"
#include "process/signal_fd.hpp"

#include <optional>
#include <string>
#include <vector>

namespace redlock::process {

struct PlainResult {
  ExitReason exit_reason;
  // The command died of this signal, INT or QUIT, which a terminal had sent to the job. Redlock has to die of it, too.
  std::optional<int> terminal_signal = {};
};

// Runs a command that no lease limits, and so without a guard, until it is reaped. `argv` and `environment`: as in
// CommandSpec. Passes on the signals that the command does not get by itself, and stops with it at a terminal. The command is
// killed when this process dies; what it leaves running is left alone.
PlainResult run_plain_command(const std::vector<std::string>& argv, const Environment& environment,
                              SignalFd& signals, Clock& clock);

}  // namespace redlock::process

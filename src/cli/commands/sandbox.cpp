#include "base/log.hpp"
#include "cli/args/options.hpp"
#include "cli/surroundings.hpp"
#include "process/command.hpp"
#include "process/signal_fd.hpp"
#include "sandbox/servers.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>

namespace redlock::cli {
namespace {

// The command has the same guard as that of `run`, with a lease that does not end.
constexpr auto kForEver = std::chrono::hours{24 * 365 * 50};
constexpr auto kMargin = std::chrono::milliseconds{1};
// The time between the signal and KILL for the processes that a cancelled command leaves running.
constexpr auto kKillAfter = std::chrono::seconds{5};

// Returns nothing if a signal came before the servers were ready. `fatal` is that signal, and no server is left.
std::optional<process::CommandResult> run_with_servers(const Arguments& arguments, process::SignalFd& signals,
                                                       std::optional<int>& fatal) {
  process::ChildLists child_lists = process::open_child_lists();
  const int wake_fds[] = {signals.fd()};
  const auto interrupted = [&] {
    fatal = process::take_fatal_signal(signals);
    return fatal.has_value();
  };
  const sandbox::Servers servers{{.count = arguments.nodes,
                                  .unix_sockets = arguments.unix_sockets,
                                  .tls = arguments.tls,
                                  .acl = arguments.acl},
                                 surroundings(),
                                 wake_fds,
                                 interrupted};
  if (!servers.ready()) return std::nullopt;
  log::debug(fmt::format("sandbox: {} server{} at {}", arguments.nodes, arguments.nodes == 1 ? "" : "s",
                         servers.urls()));
  Clock& clock = surroundings().clock;
  process::Leash leash{clock.boot_now() + kForEver, kKillAfter, kMargin};
  // New nodes would be in quarantine, but these cannot have forgotten a lock. The user's configuration, with its passwords
  // and prefix, is not for them.
  return process::run_command({.argv = arguments.command,
                               .environment = {{"REDLOCK_NODES", servers.urls()},
                                               {"REDLOCK_CONFIG", servers.config_file()},
                                               {"REDLOCK_RESTART_QUARANTINE", "0"},
                                               {"REDLOCK_SANDBOX_PIDS", servers.pids()}}},
                              std::move(child_lists), {.leash = leash, .signals = signals, .clock = clock});
}

}  // namespace

int sandbox(const Arguments& arguments) {
  process::SignalFd signals;
  std::optional<int> fatal;
  const auto outcome = run_with_servers(arguments, signals, fatal);
  if (!outcome) signals.die_of(*fatal);
  if (outcome->terminal_signal) signals.die_of(*outcome->terminal_signal);
  if (const std::string message = process::message_of(outcome->exit_reason); !message.empty())
    log::error(message);
  return process::exit_status_of(outcome->exit_reason);
}

}  // namespace redlock::cli

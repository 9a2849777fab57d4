#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/acquire_lock.hpp"
#include "cli/commands/reentrant.hpp"
#include "cli/commands/release_on_exit.hpp"
#include "cli/describe_holder.hpp"
#include "cli/messages.hpp"
#include "cli/outer_locks.hpp"
#include "cli/surroundings.hpp"
#include "lock/keeper.hpp"
#include "lock/report.hpp"
#include "process/command.hpp"
#include "process/signal_fd.hpp"
#include "quorum/validity.hpp"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <utility>

namespace redlock::cli {
namespace {

// The command gets neither passwords of the nodes nor the variables of an outer lock.
process::Environment environment_of_command(const LockNames& lock, const quorum::Won& won) {
  process::Environment environment{{"REDLOCK_NAME", one_a_line(lock.names)},
                                   {"REDLOCK_TOKEN", won.token.value},
                                   {"REDLOCK_FENCE", std::to_string(won.fence)},
                                   {kHeldVariable, OuterLocks{}.with_run(lock, won)},
                                   {"REDLOCK_SLOT", std::nullopt}};
  if (won.slot > 0) environment.back().second = std::to_string(won.slot);
  for (const config::Concealed& each : lock.settings.concealed)
    environment.emplace_back(each.variable, each.shown);
  return environment;
}

// The status of the command itself: where the guard is killed, redlock's is another.
int status_of_command(const process::ExitReason& reason) {
  const bool killed = std::holds_alternative<process::GuardDied>(reason);
  return killed ? exit_status::kSignalBase + SIGKILL : process::exit_status_of(reason);
}

// The rest of --at-least when the command has run, if there is any.
std::optional<quorum::Rest> rest_after(const process::ExitReason& reason, const config::Settings& settings,
                                       TimePoint granted) {
  const bool ran = !std::holds_alternative<process::NotStarted>(reason);
  const bool stopped = std::holds_alternative<process::Stopped>(reason);  // the lock is lost
  const int status = status_of_command(reason);
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(granted + settings.at_least - BootClock::now());
  if (!ran || stopped || left.count() <= 0 || (settings.release_on_failure && status != 0))
    return std::nullopt;
  return quorum::Rest{.length = left, .status = status};
}

process::CommandResult run_under_lock(const Arguments& arguments, const LockNames& lock,
                                      const quorum::Won& won, lock::Driver& driver,
                                      ReleaseOnExit& release_on_exit, process::ChildLists child_lists,
                                      process::SignalFd& signals, LockEvents& events) {
  const TimePoint granted = BootClock::now();
  const config::Settings& settings = lock.settings;
  const std::vector<std::string>& names = lock.names;
  process::Leash leash{won.valid_until, settings.kill_after, quorum::stop_margin(settings.ttl)};
  Clock& clock = surroundings().clock;
  const auto extended = [&](TimePoint valid_until) {
    leash.extend(valid_until);
    log::debug(fmt::format("{} extended, valid for {}", describe_lock(names),
                           human_duration(valid_until - BootClock::now())));
    events.extended(valid_until);
  };
  const auto extend_failed = [&](unsigned in_a_row, TimePoint valid_until) {
    events.extend_failed(in_a_row, valid_until);
  };
  const auto tell_loss = [&](const quorum::Loss& loss) {
    const auto lines =
        explain_loss(names, loss, lock::report_troubles(driver, driver.now().boot), driver.size(),
                     overslept(leash.valid_until() - settings.kill_after, settings.ttl));
    for (const std::string& line : lines) log::error(line);
  };
  const auto lost = [&](const quorum::Loss& loss) {
    leash.lose(clock.boot_now());
    tell_loss(loss);
    events.lost(loss);
  };
  lock::Keeper keeper{
      driver,
      release_on_exit.releaser(),
      {.ttl = settings.ttl, .node_timeout = settings.common_node_timeout, .lead = settings.kill_after},
      won,
      {.extended = extended, .extend_failed = extend_failed, .lost = lost}};
  // A lock that is lost does not rest.
  const auto leave_behind = [&](const process::ExitReason& reason, bool known_lost) {
    const bool is_lost = known_lost || leash.lost() || clock.boot_now() >= leash.valid_until();
    release_on_exit.leave_behind(is_lost ? std::nullopt : rest_after(reason, settings, granted));
  };
  process::CommandResult outcome =
      process::run_command({.argv = arguments.command,
                            .environment = environment_of_command(lock, won),
                            .stop_when_lost = arguments.on_lost == OnLost::Stop,
                            .until_all_ended = settings.release_when == config::ReleaseWhen::All},
                           std::move(child_lists), {.leash = leash, .signals = signals, .clock = clock},
                           {.long_run = [&] { keeper.start(); },
                            .ended =
                                [&](const process::ExitReason& reason) {
                                  leave_behind(reason, false);
                                  keeper.stop_and_release();
                                }});
  keeper.stop();
  leave_behind(outcome.exit_reason, keeper.loss() || outcome.lease_lost);  // unless `ended` was the place
  // The guard may notice the end of the lease before the keeper does.
  if (outcome.lease_lost && !keeper.loss()) {
    const bool ran_into_the_end =
        std::holds_alternative<process::Stopped>(outcome.exit_reason) || arguments.on_lost == OnLost::Warn;
    if (ran_into_the_end) tell_loss(quorum::Expired{});
    events.lost(quorum::Expired{});
  }
  return outcome;
}

}  // namespace

int run(const Arguments& arguments) {
  const LockNames lock = load_lock(arguments, arguments.names);
  const config::Settings& settings = lock.settings;
  if (arguments.layer.release_on_failure && settings.at_least.count() == 0)
    throw UsageError{
        "run: --release-on-failure needs --at-least, which says how long nobody else gets the lock"};
  process::ChildLists child_lists = process::open_child_lists();  // where that fails, no node is asked
  process::SignalFd signals;
  LockEvents events{arguments.events, arguments.names};
  if (settings.reentrant) {
    if (const auto status = run_under_outer_lease(arguments, lock, signals, events)) return *status;
  }
  lock::Driver driver = open_driver(lock, describe_self(arguments.command.front()), &events);
  lock::Acquirer acquirer{driver};
  const quorum::AcquireVerdict verdict = acquire_lock(arguments, settings, least_validity_of_holder(settings),
                                                      driver, acquirer, signals, events);
  const auto* won = std::get_if<quorum::Won>(&verdict);
  if (won == nullptr) return refuse(arguments, settings, acquirer, verdict);

  const LockNames held = with_name_of_slot(lock, *won);
  process::CommandResult outcome;
  std::optional<int> fatal;  // between the grant and the start of the command
  {
    ReleaseOnExit release_on_exit{
        driver, {.names = held.names, .ttl = settings.ttl, .token = won->token, .slot = won->slot}, events};
    fatal = process::take_fatal_signal(signals);
    if (!fatal)
      outcome = run_under_lock(arguments, held, *won, driver, release_on_exit, std::move(child_lists),
                               signals, events);
    if (outcome.lease_lost) release_on_exit.lost();
    if (const auto* stopped = std::get_if<process::Stopped>(&outcome.exit_reason))
      events.stopped(stopped->survivors);
  }
  if (fatal) {
    events.flush();
    signals.die_of(*fatal);
  }
  // Signals during the release are too late for the command. Its exit status says more than a signal would.
  while (signals.take()) continue;
  const bool ran_on = outcome.lease_lost && arguments.on_lost == OnLost::Warn;
  if (outcome.terminal_signal && !ran_on) {
    outcome.guard.end();
    events.flush();
    signals.die_of(*outcome.terminal_signal);
  }
  if (const std::string message = process::message_of(outcome.exit_reason); !message.empty())
    log::error(message);
  return ran_on ? exit_status::kLost : process::exit_status_of(outcome.exit_reason);
}

}  // namespace redlock::cli

#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/acquire_lock.hpp"
#include "cli/commands/release_on_exit.hpp"
#include "cli/describe_holder.hpp"
#include "cli/messages.hpp"
#include "cli/surroundings.hpp"
#include "lock/keeper.hpp"
#include "process/command.hpp"
#include "process/fatal_signal.hpp"
#include "quorum/validity.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

namespace redlock::cli {
namespace {

// The command gets neither passwords of the nodes nor the variables of an outer lock.
process::Environment environment_of_command(const std::string& name, const config::Settings& settings,
                                            const quorum::Won& won) {
  process::Environment environment{{"REDLOCK_NAME", name},
                                   {"REDLOCK_TOKEN", won.token.value},
                                   {"REDLOCK_FENCE", std::to_string(won.fence)}};
  for (const config::Concealed& each : settings.concealed)
    environment.emplace_back(each.variable, each.shown);
  return environment;
}

process::CommandResult run_under_lock(const Arguments& arguments, const config::Settings& settings,
                                      const quorum::Won& won, lock::Driver& driver, lock::Releaser& releaser,
                                      process::ChildLists child_lists, process::SignalFd& signals,
                                      LockEvents& events) {
  const std::string& name = arguments.name;
  process::Leash leash{won.valid_until, settings.kill_after, quorum::stop_margin(settings.ttl)};
  Clock& clock = surroundings().clock;
  const auto extended = [&](TimePoint valid_until) {
    leash.extend(valid_until);
    log::debug(fmt::format("lock {} extended, valid for {}", quoted(name),
                           human_duration(valid_until - BootClock::now())));
    events.extended(valid_until);
  };
  const auto extend_failed = [&](unsigned in_a_row, TimePoint valid_until) {
    events.extend_failed(in_a_row, valid_until);
  };
  const auto tell_loss = [&](const quorum::Loss& loss) {
    log::error(explain_loss(name, loss, overslept(leash.valid_until() - settings.kill_after, settings.ttl)));
  };
  const auto lost = [&](const quorum::Loss& loss) {
    leash.lose(clock.boot_now());
    tell_loss(loss);
    events.lost(loss);
  };
  lock::Keeper keeper{
      driver,
      releaser,
      {.ttl = settings.ttl, .node_timeout = settings.common_node_timeout, .lead = settings.kill_after},
      won,
      {.extended = extended, .extend_failed = extend_failed, .lost = lost}};
  process::CommandResult outcome = process::run_command(
      {.argv = arguments.command,
       .environment = environment_of_command(name, settings, won),
       .stop_when_lost = arguments.on_lost == OnLost::Stop,
       .until_all_ended = settings.release_when == config::ReleaseWhen::All},
      std::move(child_lists), {.leash = leash, .signals = signals, .clock = clock},
      {.long_run = [&] { keeper.start(); }, .ended = [&] { keeper.stop_and_release(); }});
  keeper.stop();
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
  const config::Settings settings = config::load(arguments, arguments.name);
  process::ChildLists child_lists = process::open_child_lists();  // where that fails, no node is asked
  process::SignalFd signals;
  LockEvents events{arguments.events, arguments.name};
  lock::Driver driver =
      open_driver(arguments.name, settings, describe_self(arguments.command.front()), &events);
  lock::Acquirer acquirer{driver};
  const quorum::AcquireVerdict verdict = acquire_lock(arguments, settings, least_validity_of_holder(settings),
                                                      driver, acquirer, signals, events);
  const auto* won = std::get_if<quorum::Won>(&verdict);
  if (won == nullptr) return refuse(arguments, settings, acquirer, verdict);

  process::CommandResult outcome;
  std::optional<int> fatal;  // between the grant and the start of the command
  {
    ReleaseOnExit release_on_exit{driver, won->token, events};
    fatal = process::take_fatal_signal(signals);
    if (!fatal)
      outcome = run_under_lock(arguments, settings, *won, driver, release_on_exit.releaser(),
                               std::move(child_lists), signals, events);
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

#include "cli/commands/run.hpp"

#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/commands/acquire_lock.hpp"
#include "cli/commands/release_on_exit.hpp"
#include "cli/describe_holder.hpp"
#include "cli/messages.hpp"
#include "lock/keeper.hpp"
#include "process/command.hpp"
#include "process/priority.hpp"
#include "process/waiting_signals.hpp"
#include "quorum/validity.hpp"

#include <fmt/format.h>

#include <optional>

namespace redlock::cli {
namespace {

constexpr const char* kToken = "REDLOCK_TOKEN";
constexpr const char* kFence = "REDLOCK_FENCE";

// Neither a password of the nodes nor an outer lock's variables reach the command.
process::Environment environment_of_command(const std::string& name, const config::Settings& settings) {
  process::Environment environment{{"REDLOCK_NAME", name}};
  for (const config::Concealed& each : settings.concealed)
    environment.emplace_back(each.variable, each.shown);
  return environment;
}

// The command and its leash, which has its first end when the lock is granted.
struct LeashedCommand {
  LeashedCommand(const RunOptions& options, const config::Settings& settings, process::SignalGate& signals)
      : leash{TimePoint{}, settings.kill_after, quorum::stop_margin(settings.ttl)},
        command{{.argv = options.command,
                 .environment = environment_of_command(options.lock.name, settings),
                 .late = {kToken, kFence},
                 .stop_when_lost = options.stop_when_lost,
                 .until_all_ended = settings.release_when == config::ReleaseWhen::All},
                leash,
                signals} {}

  process::Leash leash;
  process::Command command;
};

process::Outcome run_command(const RunOptions& options, const config::Settings& settings,
                             const quorum::Won& won, lock::Session& session, LeashedCommand& leashed,
                             LockEvents& events) {
  const std::string& name = options.lock.name;
  process::Leash& leash = leashed.leash;
  leash.extend(won.valid_until);
  leashed.command.set(kToken, won.token.value);
  leashed.command.set(kFence, std::to_string(won.fence));
  const auto extended = [&](TimePoint valid_until) {
    leash.extend(valid_until);
    log::debug(fmt::format("lock {} extended, valid for {}", quoted(name),
                           human_duration(valid_until - BootClock::now())));
  };
  const auto tell_loss = [&](const quorum::Loss& loss) {
    log::error(explain_loss(name, loss, overslept(leash.valid_until() - settings.kill_after, settings.ttl)));
  };
  const auto lost = [&](const quorum::Loss& loss) {
    leash.lose();
    tell_loss(loss);
    events.lost(loss);
  };
  lock::Keeper keeper{
      session,
      {.ttl = settings.ttl, .node_timeout = settings.common_node_timeout, .lead = settings.kill_after},
      won,
      {.extended = extended, .lost = lost}};
  process::Outcome outcome = leashed.command.run([&] { keeper.start(); },
                                                 [&] {
                                                   keeper.stop_and_release();
                                                   process::step_back();
                                                 });
  keeper.stop();
  // The guard's clock may be the first to say so.
  if (outcome.lease_lost && !keeper.loss()) {
    const bool ran_into_the_end =
        std::holds_alternative<process::Stopped>(outcome.ending) || !options.stop_when_lost;
    if (ran_into_the_end) tell_loss(quorum::Expired{});
    events.lost(quorum::Expired{});
  }
  return outcome;
}

}  // namespace

int run(const RunOptions& options) {
  const config::Settings settings = config::load(options.lock.flags, options.lock.name);
  process::SignalGate signals;
  LockEvents events{options.lock.events, options.lock.name};
  lock::Session session =
      open_session(options.lock.name, settings, describe_self(options.command.front()), &events);
  std::optional<LeashedCommand> leashed;
  const auto get_ready = [&] {
    try {
      if (!leashed) leashed.emplace(options, settings, signals);
      leashed->command.fork_ahead();
    } catch (const SystemError&) {  // if it still holds at the grant, it is said then
    }
  };
  const quorum::Verdict verdict = acquire_lock(options.lock, settings, least_validity_of_holder(settings),
                                               session, signals, events, get_ready);
  const auto* won = std::get_if<quorum::Won>(&verdict);
  if (won == nullptr) return refuse(options.lock, settings, session, verdict);

  process::Outcome outcome;
  std::optional<int> deadly;  // came after the grant and before the command
  {
    const ReleaseOnExit release_on_exit{session, won->token, events};
    deadly = process::take_deadly_signal(signals);
    if (!deadly) {
      if (!leashed) leashed.emplace(options, settings, signals);
      outcome = run_command(options, settings, *won, session, *leashed, events);
    }
    if (const auto* stopped = std::get_if<process::Stopped>(&outcome.ending))
      events.stopped(stopped->survivors);
  }
  if (deadly) {
    events.flush();
    signals.die_of(*deadly);
  }
  // What came while the lock was given back is too late for the command, whose status says more than a signal would.
  while (signals.take()) continue;
  const bool ran_on = outcome.lease_lost && !options.stop_when_lost;
  if (outcome.terminal_signal && !ran_on) {
    outcome.guard.end();
    events.flush();
    signals.die_of(*outcome.terminal_signal);
  }
  if (const std::string message = process::message_of(outcome.ending); !message.empty()) log::error(message);
  return ran_on ? exit_status::kLost : process::exit_status_of(outcome.ending);
}

}  // namespace redlock::cli

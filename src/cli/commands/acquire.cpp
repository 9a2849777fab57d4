#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/acquire_lock.hpp"
#include "cli/commands/eval_refusal.hpp"
#include "cli/commands/release_on_exit.hpp"
#include "cli/commands/while_pid.hpp"
#include "cli/describe_holder.hpp"
#include "cli/grant.hpp"
#include "cli/terminal/write_token.hpp"
#include "process/signal_fd.hpp"

#include <unistd.h>

#include <optional>

namespace redlock::cli {
namespace {

// With less than a third of the TTL the caller would have to extend at once.
Duration least_validity_of_caller(const config::Settings& settings) {
  return Duration{settings.ttl} / 3;
}

int acquire_for_caller(const Arguments& arguments) {
  const LockNames lock = load_lock(arguments, arguments.names);
  const config::Settings& settings = lock.settings;
  process::SignalFd signals;
  LockEvents events{arguments.events, arguments.names};
  lock::Driver driver = open_driver(lock, describe_process(getppid()), &events);
  lock::Acquirer acquirer{driver};
  const quorum::AcquireVerdict verdict = acquire_lock(arguments, settings, least_validity_of_caller(settings),
                                                      driver, acquirer, signals, events);
  const auto* won = std::get_if<quorum::Won>(&verdict);
  if (won == nullptr) return refuse(arguments, settings, acquirer, verdict);

  const Arguments holders = with_name_of_slot(arguments, *won);
  std::optional<int> fatal;  // between the grant and the output of the token
  {
    ReleaseOnExit release_on_exit{
        driver,
        {.names = holders.names, .ttl = settings.ttl, .token = won->token, .slot = won->slot},
        events};
    const auto interrupted = [&] {
      fatal = process::take_fatal_signal(signals);
      return fatal.has_value();
    };
    const int wake_fds[] = {signals.fd()};
    const std::string text = format_grant(holders, *won, read_clocks());
    switch (write_token(text, won->valid_until, wake_fds, interrupted)) {
      case WriteResult::Done:
        release_on_exit.keep();
        acquirer.settle();  // removes votes of earlier rounds from the nodes
        return exit_status::kYes;
      case WriteResult::Failed: return exit_status::kSystem;
      case WriteResult::TooLate:
        log::error("nobody read standard output until the lock expired: it is released again");
        return exit_status::kSystem;
      case WriteResult::Interrupted: break;
    }
  }
  events.flush();
  if (arguments.format == GrantFormat::Shell) refuse_eval(exit_status::kSignalBase + *fatal);
  signals.die_of(*fatal);
}

}  // namespace

int acquire(const Arguments& arguments) {
  if (arguments.conflict_exit_code == exit_status::kYes) {
    throw UsageError{
        "acquire: -E 0 would tell a script that it has a lock which somebody else holds; use a number from 1 "
        "to 255"};
  }
  require_standard_output();
  return arguments.while_pid ? acquire_while_pid(arguments) : acquire_for_caller(arguments);
}

}  // namespace redlock::cli

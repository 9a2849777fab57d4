#include "cli/commands/acquire.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/commands/acquire_lock.hpp"
#include "cli/commands/eval_refusal.hpp"
#include "cli/commands/release_on_exit.hpp"
#include "cli/commands/while_pid.hpp"
#include "cli/describe_holder.hpp"
#include "cli/grant.hpp"
#include "cli/terminal/write_token.hpp"
#include "process/fatal_signal.hpp"

#include <unistd.h>

#include <optional>

namespace redlock::cli {
namespace {

// Who gets less than a third of the TTL could do little with it before having to extend.
Duration least_validity_of_caller(const config::Settings& settings) {
  return Duration{settings.ttl} / 3;
}

int acquire_for_caller(const AcquireOptions& options) {
  const config::Settings settings = config::load(options.lock.flags, options.lock.name);
  process::SignalFd signals;
  LockEvents events{options.lock.events, options.lock.name};
  lock::Session session = open_session(options.lock.name, settings, describe_process(getppid()), &events);
  const quorum::AcquireVerdict verdict =
      acquire_lock(options.lock, settings, least_validity_of_caller(settings), session, signals, events);
  const auto* won = std::get_if<quorum::Won>(&verdict);
  if (won == nullptr) return refuse(options.lock, settings, session, verdict);

  std::optional<int> fatal;  // came after the grant and before the token was out
  {
    ReleaseOnExit release_on_exit{session, won->token, events};
    const auto interrupted = [&] {
      fatal = process::take_fatal_signal(signals);
      return fatal.has_value();
    };
    const int wake_fds[] = {signals.fd()};
    const std::string text = format_grant(options.format, options.lock.name, *won, read_clocks());
    switch (write_token(text, won->valid_until, wake_fds, interrupted)) {
      case WriteResult::Done:
        release_on_exit.keep();
        session.settle();  // what rounds before the winning one left on the nodes
        return exit_status::kYes;
      case WriteResult::Failed: return exit_status::kSystem;
      case WriteResult::TooLate:
        log::error("nobody read standard output until the lock expired: it is released again");
        return exit_status::kSystem;
      case WriteResult::Interrupted: break;
    }
  }
  events.flush();
  if (options.lock.for_eval) refuse_eval(exit_status::kSignalBase + *fatal);
  signals.die_of(*fatal);
}

}  // namespace

int acquire(const AcquireOptions& options) {
  require_standard_output();
  return options.while_pid ? acquire_while_pid(options) : acquire_for_caller(options);
}

}  // namespace redlock::cli

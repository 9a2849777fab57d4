#include "cli/commands/while_pid.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/readable.hpp"
#include "base/signal_set.hpp"
#include "base/text.hpp"
#include "cli/commands/acquire_lock.hpp"
#include "cli/commands/deadline.hpp"
#include "cli/commands/eval_refusal.hpp"
#include "cli/commands/release_on_exit.hpp"
#include "cli/describe_holder.hpp"
#include "cli/grant.hpp"
#include "cli/terminal/write_token.hpp"
#include "lock/keeper.hpp"
#include "lock/report.hpp"
#include "process/background.hpp"
#include "process/signal_fd.hpp"
#include "process/watched_process.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace redlock::cli {
namespace {

using process::Background;
using process::Receipt;
using process::WatchedProcess;

// The message of the starter after it has written the token.
constexpr const char* kDelivered = "delivered";

constexpr int kWithoutEnd = -1;

// Waits until one of them is readable. Ignores -1. `limit`: milliseconds.
void wait_for_any(std::initializer_list<int> fds, int limit = kWithoutEnd) {
  std::vector<pollfd> wanted;
  for (const int fd : fds) wanted.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  if (poll(wanted.data(), wanted.size(), limit) < 0 && errno != EINTR) {
    throw SystemError{"cannot wait for the process that needs the lock", errno};
  }
}

// ---- The background process ------------------------------------------------------------------------

// Waits until the process that needs the lock has ended, the lease is lost, or the starter has gone without writing the
// token. Returns whether the token was written.
bool watch(Background& starter, const WatchedProcess& watched, process::SignalFd& signals, Deadline& deadline,
           int lost_fd) {
  bool delivered = false;
  std::string message;
  for (;;) {
    wait_for_any({delivered ? -1 : starter.fd(), watched.fd(), lost_fd, signals.fd(), deadline.alarm_fd()},
                 deadline.lacks_alarm() ? static_cast<int>(Deadline::kAlarmPause.count()) : kWithoutEnd);
    while (signals.take()) continue;  // SIGCHLD reports the alarm; the others have no effect
    if (!delivered) {
      switch (starter.receive(message)) {
        case Receipt::Got:
          delivered = true;
          starter.detach();
          break;
        case Receipt::Closed: return false;
        case Receipt::Nothing: break;
      }
    }
    if (watched.ended() || is_readable(lost_fd)) return delivered;
    deadline.look_after_alarm();
  }
}

// Writes the last events, then drops pending signals, which would end this process as soon as they are unblocked. Among
// them may be the SIGTERM for the end of the starter.
class FlushOnExit {
 public:
  FlushOnExit(process::SignalFd& signals, LockEvents& events) : signals_{signals}, events_{events} {}
  FlushOnExit(const FlushOnExit&) = delete;
  FlushOnExit& operator=(const FlushOnExit&) = delete;
  ~FlushOnExit() {
    events_.flush();
    while (signals_.take()) continue;
  }

 private:
  process::SignalFd& signals_;
  LockEvents& events_;
};

// From the grant on, only the end of the process, the loss of the lease and SIGKILL end this process; signals stay blocked.
int keep_for(const Arguments& arguments, const LockNames& lock, const WatchedProcess& watched,
             Background& starter, LockEvents& events) {
  const config::Settings& settings = lock.settings;
  process::SignalFd signals;
  const FlushOnExit flush_on_exit{signals, events};
  lock::Driver driver = open_driver(lock, describe_process(watched.pid()), &events);
  lock::Acquirer acquirer{driver};
  const quorum::AcquireVerdict verdict = acquire_lock(arguments, settings, least_validity_of_holder(settings),
                                                      driver, acquirer, signals, events);
  const auto* won = std::get_if<quorum::Won>(&verdict);
  if (won == nullptr) return refuse(arguments, settings, acquirer, verdict);

  const Arguments holders = with_name_of_slot(arguments, *won);
  ReleaseOnExit release_on_exit{
      driver, {.names = holders.names, .ttl = settings.ttl, .token = won->token, .slot = won->slot}, events};
  const UniqueFd lost_fd{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!lost_fd) throw SystemError{"cannot create an eventfd", errno};
  Deadline deadline{holders, settings, watched, won->valid_until};  // settled before the lock is released
  // Runs on the keeper's thread, so that a slow main thread does not delay the signal.
  const auto lost = [&](const quorum::Loss& loss) {
    deadline.lost(loss, lock::report_troubles(driver, driver.now().boot), driver.size());
    events.lost(loss);
    release_on_exit.lost();
    eventfd_write(lost_fd.get(), 1);
  };
  const auto extended = [&](TimePoint valid_until) {
    deadline.extend(valid_until);
    events.extended(valid_until);
  };
  const auto extend_failed = [&](unsigned in_a_row, TimePoint valid_until) {
    events.extend_failed(in_a_row, valid_until);
  };
  lock::Keeper keeper{
      driver,
      release_on_exit.releaser(),
      {.ttl = settings.ttl, .node_timeout = settings.common_node_timeout, .lead = settings.kill_after},
      *won,
      {.extended = extended, .extend_failed = extend_failed, .lost = lost}};
  keeper.start();
  if (!starter.send(format_grant(holders, *won, read_clocks()))) {
    return exit_status::kSystem;
  }
  try {
    const bool delivered = watch(starter, watched, signals, deadline, lost_fd.get());
    deadline.settle();
    keeper.stop();
    return delivered ? exit_status::kYes : exit_status::kSystem;
  } catch (const std::exception&) {
    deadline.tell();
    throw;
  }
}

// ---- Its starter -----------------------------------------------------------------------------------

// Stops it and waits until it has released its votes.
void call_off(Background& background) {
  background.stop();
  background.wait();
}

// The exit status of one that ended before there was a token. It has logged the reason.
int status_of_end(Background& background) {
  const int status = background.wait();
  if (WIFEXITED(status) && WEXITSTATUS(status) != exit_status::kYes) return WEXITSTATUS(status);
  log::error("the background process that was to hold the lock has been killed");
  return exit_status::kSystem;
}

int wait_for_token(const Arguments& arguments, Background& background, const WatchedProcess& watched,
                   process::SignalFd& signals) {
  std::string text;
  const auto die_of = [&](int signal) {
    if (arguments.format == GrantFormat::Shell) refuse_eval(exit_status::kSignalBase + signal);
    signals.die_of(signal);
  };
  const auto too_late = [&] {
    if (!watched.ended()) return false;
    call_off(background);
    log::error(
        fmt::format("process {} has ended: there is nobody to hold the lock for any more", watched.pid()));
    return true;
  };
  const auto die_if_signalled = [&] {
    const auto fatal = process::take_fatal_signal(signals);
    if (!fatal) return;
    call_off(background);
    die_of(*fatal);
  };
  for (;;) {
    wait_for_any({background.fd(), watched.fd(), signals.fd()});
    die_if_signalled();
    if (too_late()) return exit_status::kSystem;
    const auto receipt = background.receive(text);
    if (receipt == Receipt::Closed) return status_of_end(background);
    if (receipt == Receipt::Got) break;
  }
  const int wake_fds[] = {background.fd(), watched.fd(), signals.fd()};
  std::optional<int> fatal;
  const auto interrupted = [&] {
    fatal = process::take_fatal_signal(signals);
    std::string nothing;
    return fatal || watched.ended() || background.receive(nothing) == Receipt::Closed;
  };
  const WriteResult written = write_token(text, TimePoint::max(), wake_fds, interrupted);
  if (written == WriteResult::Done && background.send(kDelivered)) {
    background.await_detach();
    return exit_status::kYes;
  }
  call_off(background);
  if (fatal) die_of(*fatal);
  if (written != WriteResult::Failed) {
    log::error("the lock was lost before its token was read from standard output");
  }
  return exit_status::kSystem;
}

}  // namespace

int acquire_while_pid(const Arguments& arguments) {
  const WatchedProcess watched{*arguments.while_pid};
  const LockNames lock = load_lock(arguments, arguments.names);
  LockEvents events{arguments.events, arguments.names};  // its thread starts with the first event
  // A signal between the fork and SignalFd stays pending until then: the text for eval must be printed.
  sigset_t found = block_all_signals();
  Background background = Background::start({watched.fd(), events.fd()});
  if (background.is_background()) {
    sigdelset(&found, SIGTERM);  // sent at the end of its starter
    pthread_sigmask(SIG_SETMASK, &found, nullptr);
    return keep_for(arguments, lock, watched, background, events);
  }
  process::SignalFd signals;
  return wait_for_token(arguments, background, watched, signals);
}

}  // namespace redlock::cli

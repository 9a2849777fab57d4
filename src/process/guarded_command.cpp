#include "process/guarded_command.hpp"

#include "base/signal_set.hpp"
#include "process/cancellation.hpp"

#include <cerrno>
#include <ctime>

namespace redlock::process {
namespace {

constexpr timespec kAtOnce{};

// Whether `sender` has signalled this process, too. The guard is in no group with the command, so that is true of a sender
// that signals each process by itself (`pkill -f`), and which may have missed the command.
bool guard_got(int signal, pid_t sender) noexcept {
  const sigset_t only = signal_set({signal});
  siginfo_t info{};
  bool got = false;
  while (sigtimedwait(&only, &info, &kAtOnce) > 0) got = got || info.si_pid == sender;
  return got;
}

}  // namespace

bool GuardedCommand::start(const SpawnContext& context) noexcept {
  pid_ = spawn(context);
  if (pid_ < 0) return false;
  forward_early_signals();
  return true;
}

// Signals that a terminal sent to the job after the grant and before the fork are pending here, and the command missed
// them.
void GuardedCommand::forward_early_signals() const noexcept {
  const sigset_t early = signal_set({SIGINT, SIGQUIT, SIGHUP, SIGTSTP});
  siginfo_t info{};
  while (sigtimedwait(&early, &info, &kAtOnce) > 0) {
    if (info.si_code == SI_KERNEL) kill(pid_, info.si_signo);
  }
}

void GuardedCommand::on_change(const siginfo_t& change) noexcept {
  switch (change.si_code) {
    case CLD_EXITED: exit_ = Message{.kind = MessageKind::Exited, .value = change.si_status}; break;
    case CLD_KILLED:
    case CLD_DUMPED: exit_ = Message{.kind = MessageKind::Signalled, .value = change.si_status}; break;
    case CLD_STOPPED: on_stop(change.si_status); break;
    case CLD_CONTINUED: stopped_ = false; break;
    default: break;
  }
}

// A stop that the terminal asked for is meant for the whole job, and SIGSTOP may be: redlock decides whether to follow, so
// that its shell sees a stopped job.
void GuardedCommand::on_stop(int signal) noexcept {
  stopped_ = true;
  ++stop_serial_;
  if (signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU && signal != SIGSTOP) return;
  channel_.send({.kind = MessageKind::JobStopped,
                 .value = signal,
                 .serial = stop_serial_,
                 .continued = continued_,
                 .pid = pid_});
}

void GuardedCommand::send_signal(const Message& message) noexcept {
  const int signal = message.value;
  if (signal == SIGCONT) ++continued_;
  if (exit_) return;
  const bool went_to_group = message.detail != 0;
  if (went_to_group && is_in_job() && !guard_got(signal, message.pid)) return;
  if (kill(pid_, signal) != 0 && errno == EPERM)
    channel_.send({.kind = MessageKind::Refused, .value = signal, .pid = pid_});
  // As timeout(1) does: a stopped command would not end, and hold the lock until somebody continues it.
  if (stopped_ && asks_to_end(signal)) kill(pid_, SIGCONT);
}

void GuardedCommand::continue_after_stop(std::int32_t serial) const noexcept {
  if (!exit_ && stopped_ && serial == stop_serial_) kill(pid_, SIGCONT);
}

}  // namespace redlock::process

#include "process/signal_forwarder.hpp"

#include "base/log.hpp"
#include "process/job_control.hpp"
#include "process/proc_stat.hpp"
#include "process/signal_name.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>
#include <variant>

namespace redlock::process {

SignalForwarder::SignalForwarder(const CommandContext& context, const Channel& channel,
                                 Foreground& foreground) noexcept
    : context_{context},
      channel_{channel},
      foreground_{foreground},
      cancellation_{context.leash.kill_after()} {
}

void SignalForwarder::on_signal(const signalfd_siginfo& info) noexcept {
  const int signal = static_cast<int>(info.ssi_signo);
  cancellation_.on_signal(signal, context_.clock.boot_now());
  if (is_from_terminal(info)) told_by_terminal_[static_cast<std::size_t>(signal)] = true;
  if (phase_ == CommandPhase::Ended) {
    act_without_command(signal);
  } else if (phase_ == CommandPhase::Starting || is_for_command(info)) {
    pass_on(info);
  }
}

void SignalForwarder::pass_on(const signalfd_siginfo& info) noexcept {
  const int signal = static_cast<int>(info.ssi_signo);
  if (signal == SIGCONT && job_stop_) {
    // After Ctrl-Z and `fg` the shell has continued the whole job. Only if redlock alone was continued, or the command has
    // a group of its own, does the command still need SIGCONT. The serial keeps this from undoing the next Ctrl-Z.
    channel_.send({.kind = MessageKind::Continue, .serial = *std::exchange(job_stop_, std::nullopt)});
    return;
  }
  if (signal == SIGCONT) return continue_command();
  // Signals that ask to end must not come twice: programs take the second one as a stronger request.
  const bool went_to_group =
      info.ssi_code == SI_USER && asks_to_end(signal) && witness_ && witness_->saw(info);
  channel_.send({.kind = MessageKind::Signal,
                 .value = signal,
                 .detail = went_to_group ? 1 : 0,
                 .pid = static_cast<pid_t>(info.ssi_pid)});
}

void SignalForwarder::continue_command() noexcept {
  ++continues_sent_;
  channel_.send({.kind = MessageKind::Signal, .value = SIGCONT});
}

void SignalForwarder::act_without_command(int signal) const noexcept {
  if (asks_to_end(signal)) {
    channel_.send({.kind = MessageKind::EndDescendants, .value = signal});
  } else if ((signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) && can_be_continued()) {
    context_.signals.stop_as(signal);
  }
}

// SIGCONT is redlock's own affair, in part, and a command that nobody stopped misses nothing.
void SignalForwarder::on_refused(const Message& refused) noexcept {
  const auto number = static_cast<std::size_t>(refused.value);
  if (number >= refused_.size() || refused_[number] || refused.value == SIGCONT) return;
  refused_[number] = true;
  try {
    log::warning(
        fmt::format("cannot pass {} on to the command (pid {}), which belongs to another user: it runs on, "
                    "and keeps the lock. "
                    "Signal it as that user",
                    signal_name(refused.value), refused.pid));
  } catch (const std::exception&) {  // out of memory: only the message is lost
    return;
  }
}

// The command was suspended at the terminal, so redlock stops, too, and the lease is not extended any more. When it ends, the
// guard kills the stopped command. SIGSTOP may be the `suspend` of a shell, after which the shell that started redlock has
// to take the terminal; without a terminal it is between the command and its sender.
void SignalForwarder::stop_with_job(const Message& stop) noexcept {
  const bool by_force = stop.value == SIGSTOP;
  const auto front = foreground_.ours(stop.pid);
  if (by_force && !front) return;
  if (stop.continued != continues_sent_) return;  // a SIGCONT that ends this stop is on its way
  // The command may be running again: Ctrl-Z may have stopped redlock itself just after the previous stop.
  if (const auto command = read_proc_stat(stop.pid); command && command->state != 'T') return;
  if (!can_be_continued()) {
    if (!by_force) continue_command();
    return;
  }
  context_.signals.stop_as(stop.value);
  job_stop_ = stop.serial;
  foreground_.restore(front);
}

std::optional<int> SignalForwarder::signal_that_cancelled(const ExitReason& reason) const noexcept {
  return cancellation_.cancelled_by(reason, context_.clock.boot_now());
}

std::optional<int> SignalForwarder::terminal_signal_that_killed(const ExitReason& reason) const noexcept {
  const auto* const signalled = std::get_if<Signalled>(&reason);
  if (signalled == nullptr || (signalled->signal != SIGINT && signalled->signal != SIGQUIT))
    return std::nullopt;
  return told_by_terminal_[static_cast<std::size_t>(signalled->signal)] ? std::optional{signalled->signal}
                                                                        : std::nullopt;
}

}  // namespace redlock::process

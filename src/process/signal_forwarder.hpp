#pragma once

#include "process/cancellation.hpp"
#include "process/channel.hpp"
#include "process/exit_reason.hpp"
#include "process/foreground.hpp"
#include "process/signal_fd.hpp"
#include "process/signal_witness.hpp"

#include <sys/types.h>

#include <bitset>
#include <csignal>
#include <cstdint>
#include <optional>

namespace redlock::process {

// Carries the signals of redlock to the command, by way of the guard, but for those that the command has already; stops
// and goes on with the job; and remembers what the command was told.
class SignalForwarder {
 public:
  // All must outlive this object.
  SignalForwarder(Duration kill_after, const SignalFd& signals, const Channel& channel,
                  Foreground& foreground) noexcept;

  // A signal that redlock got, but for SIGCHLD.
  void take(const signalfd_siginfo& info) noexcept;

  // The signals that come from now on reach the command, too, if they are the terminal's.
  void command_is_there() noexcept { state_ = State::There; }
  // It has ended; what it has left running is waited for, and gets the signals that ask to end.
  void command_is_gone() noexcept { state_ = State::Gone; }

  // The command has been stopped.
  void stop_with_the_job(const Message& stop) noexcept;

  // From now on signals to all of the job are told from those to redlock alone.
  void start_witness(pid_t guard) noexcept { witness_.emplace(guard); }
  void end_witness() noexcept { witness_.reset(); }
  pid_t witness() const noexcept { return witness_ ? witness_->pid() : -1; }

  // See Cancellation::cancelled_by().
  std::optional<int> signal_that_ended(const ExitReason& reason) const noexcept;
  // INT or QUIT, where it came from a terminal and the command died of it.
  std::optional<int> terminal_signal_that_ended(const ExitReason& reason) const noexcept;

 private:
  enum class State { Starting, There, Gone };

  void pass_on(const signalfd_siginfo& info) noexcept;
  void continue_command() noexcept;
  void act_without_command(int signal) const noexcept;

  const SignalFd& signals_;
  const Channel& channel_;
  Foreground& foreground_;
  Cancellation cancellation_;
  std::optional<SignalWitness> witness_;  // of a command that lasts
  State state_ = State::Starting;
  std::bitset<NSIG> told_by_terminal_;
  std::int32_t continues_sent_ = 0;
  std::optional<std::int32_t> job_stop_;  // the stop that we followed; none once a SIGCONT was seen since
};

}  // namespace redlock::process

#pragma once

#include "process/cancellation.hpp"
#include "process/channel.hpp"
#include "process/command.hpp"
#include "process/foreground.hpp"
#include "process/signal_witness.hpp"

#include <sys/types.h>

#include <bitset>
#include <csignal>
#include <cstdint>
#include <optional>

namespace redlock::process {

// Passes redlock's signals to the command, through the guard, except those that the command got by itself. Stops and
// continues redlock together with the job. Remembers the signals, by which a cancelled command is recognized.
class SignalForwarder {
 public:
  // All must outlive this object.
  SignalForwarder(const CommandContext& context, const Channel& channel, Foreground& foreground) noexcept;

  // Redlock received a signal other than SIGCHLD.
  void on_signal(const signalfd_siginfo& info) noexcept;

  // From now on a terminal's signals reach the command by themselves.
  void on_command_started() noexcept { phase_ = CommandPhase::Running; }
  // From now on signals that ask to end are for what the command left running.
  void on_command_ended() noexcept { phase_ = CommandPhase::Ended; }

  // The guard may not send the command a signal. Says so, once for each signal.
  void on_refused(const Message& refused) noexcept;

  // The command was stopped.
  void stop_with_job(const Message& stop) noexcept;

  // From now on signals to the process group of the job are told apart from signals to redlock alone.
  void start_witness(pid_t guard) noexcept { witness_.emplace(context_.clock, guard); }
  void end_witness() noexcept { witness_.reset(); }
  pid_t witness() const noexcept { return witness_ ? witness_->pid() : -1; }

  // See Cancellation::cancelled_by().
  std::optional<int> signal_that_cancelled(const ExitReason& reason) const noexcept;
  // INT or QUIT, if it came from a terminal and the command died of it.
  std::optional<int> terminal_signal_that_killed(const ExitReason& reason) const noexcept;

 private:
  enum class CommandPhase { Starting, Running, Ended };

  void pass_on(const signalfd_siginfo& info) noexcept;
  void continue_command() noexcept;
  void act_without_command(int signal) const noexcept;

  const CommandContext& context_;
  const Channel& channel_;
  Foreground& foreground_;
  Cancellation cancellation_;
  std::optional<SignalWitness> witness_;  // only while a command runs for long
  CommandPhase phase_ = CommandPhase::Starting;
  std::bitset<NSIG> told_by_terminal_;
  std::bitset<NSIG> refused_;
  std::int32_t continues_sent_ = 0;
  std::optional<std::int32_t> job_stop_;  // serial of the stop that redlock followed, until the next SIGCONT
};

}  // namespace redlock::process

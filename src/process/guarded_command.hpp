#pragma once

#include "process/channel.hpp"
#include "process/spawn.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <optional>

namespace redlock::process {

// The command as its guard, the parent, sees it: it is started, signalled, stopped, continued, and ends.
// Async-signal-safe; all signals must be blocked.
class GuardedCommand {
 public:
  // `channel` must outlive this object. Starts nothing.
  explicit GuardedCommand(const Channel& channel) noexcept : channel_{channel} {}

  // False, and errno, when the kernel refuses.
  bool start(const SpawnContext& context) noexcept;

  pid_t pid() const noexcept { return pid_; }
  // How it ended (Exited or Signalled), once it is reaped. Its pid may belong to another process from then on.
  const std::optional<Message>& exit() const noexcept { return exit_; }

  // waitid(2) reported a change of its state. Tells redlock if it was stopped together with the job.
  void on_change(const siginfo_t& change) noexcept;

  // Handle MessageKind::Signal and Continue.
  void send_signal(const Message& message) noexcept;
  void continue_after_stop(std::int32_t serial) const noexcept;

 private:
  void forward_early_signals() const noexcept;
  void on_stop(int signal) noexcept;
  bool is_in_job() const noexcept { return getpgid(pid_) == job_; }

  const Channel& channel_;
  const pid_t job_ = getpgrp();  // the process group in which it starts; the guard leaves it
  pid_t pid_ = -1;
  std::optional<Message> exit_;
  bool stopped_ = false;
  std::int32_t stop_serial_ = 0;  // how often it was stopped
  std::int32_t continued_ = 0;    // SIGCONTs that redlock asked for
};

}  // namespace redlock::process

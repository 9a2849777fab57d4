#pragma once

#include "base/fd.hpp"

#include <sys/signalfd.h>

#include <csignal>
#include <optional>

namespace redlock::process {

// Blocks the signals of the whole process and offers them on a descriptor instead (signalfd(2)). Create it before any
// thread. Signals that were ignored when redlock started stay ignored and are never offered (nohup), except for SIGCHLD:
// without it children could not be reaped. SIGPIPE and SIGXFSZ are ignored, so that a broken pipe or a full file
// (RLIMIT_FSIZE) is only an error of write(2).
class SignalFd {
 public:
  SignalFd();  // throws SystemError
  SignalFd(const SignalFd&) = delete;
  SignalFd& operator=(const SignalFd&) = delete;
  ~SignalFd();  // puts mask and dispositions back

  int fd() const noexcept { return fd_.get(); }  // readable when a signal is pending
  std::optional<signalfd_siginfo> take();        // the next one, or nothing

  // Restores mask and dispositions as redlock found them. For a forked child just before exec. Async-signal-safe.
  void restore_in_child() const noexcept;

  // Stops this process as `signal` (SIGTSTP, SIGTTIN, SIGTTOU) would have, so that its shell sees a stopped job. Returns
  // when it has been continued.
  void stop_as(int signal) const noexcept;

  // Ends this process as `signal` would have, so that a shell sees it. Exits with 128+signal if that has no effect (for
  // PID 1 of a container).
  [[noreturn]] void die_of(int signal) const noexcept;

 private:
  UniqueFd fd_;
  sigset_t offered_{};
  sigset_t found_mask_{};
  struct sigaction found_child_ {};
  struct sigaction found_pipe_ {};
  struct sigaction found_file_size_ {};
};

// Whether the kernel sent it to redlock's process group on behalf of a terminal (Ctrl-C, Ctrl-Z, a hang-up, a new size), and
// so to the command as well.
bool is_from_terminal(const signalfd_siginfo& info) noexcept;

// Whether a signal that redlock received must be passed on to the command: all but those that a terminal sent to both.
bool is_for_command(const signalfd_siginfo& info) noexcept;

// For signals that come while there is no command, and so are meant for redlock. Takes all that are pending and does what they
// do by default: nothing (WINCH, CONT) or stop until continued (TSTP). Returns the first one that would end redlock, for
// SignalFd::die_of() after cleaning up.
std::optional<int> take_fatal_signal(SignalFd& signals);

}  // namespace redlock::process

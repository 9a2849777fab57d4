#pragma once

#include "base/fd.hpp"

#include <sys/signalfd.h>

#include <csignal>
#include <optional>

namespace redlock::process {

// Takes the signals out of the air: blocks them for the whole process (create it before any thread) and
// offers them on a descriptor instead. What was ignored when redlock started stays ignored and is never
// offered (nohup). SIGCHLD is offered even where it was found ignored, since children could not be reaped
// otherwise. SIGPIPE and SIGXFSZ are ignored meanwhile: a broken pipe and a file that may not grow (RLIMIT_FSIZE)
// are errors of write(2) and no reason to die.
class SignalFd {
 public:
  SignalFd();  // throws SystemError
  SignalFd(const SignalFd&) = delete;
  SignalFd& operator=(const SignalFd&) = delete;
  ~SignalFd();  // puts mask and dispositions back

  int fd() const noexcept { return fd_.get(); }  // readable when a signal is pending
  std::optional<signalfd_siginfo> take();        // the next one, or nothing

  // In the forked child just before exec: mask and dispositions as redlock found them. Async-signal-safe.
  void restore_in_child() const noexcept;

  // Stops this process as `signal` (SIGTSTP, SIGTTIN, SIGTTOU) would have, so that the shell that waits for
  // it sees a stopped job. Returns when it has been continued.
  void stop_as(int signal) const noexcept;

  // Ends this process as `signal` would have, so that a shell sees it; exits 128+signal where that has no
  // effect (as PID 1 of a container).
  [[noreturn]] void die_of(int signal) const noexcept;

 private:
  UniqueFd fd_;
  sigset_t offered_{};
  sigset_t found_mask_{};
  struct sigaction found_child_ {};
  struct sigaction found_pipe_ {};
  struct sigaction found_file_size_ {};
};

// Whether the kernel sent it to the process group of redlock on behalf of a terminal (Ctrl-C, Ctrl-Z, a hang-up, a new
// size), and so to the command as well.
bool is_from_terminal(const signalfd_siginfo& info) noexcept;

// Whether a signal that redlock received has to be passed on to the command: all but what a terminal has sent to both.
bool is_for_command(const signalfd_siginfo& info) noexcept;

}  // namespace redlock::process

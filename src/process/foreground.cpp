#include "process/foreground.hpp"

#include "base/signal_set.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace redlock::process {

bool has_no_process(pid_t group) noexcept {
  return kill(-group, 0) != 0 && errno == ESRCH;
}

// From the background this is permitted while SIGTTOU is blocked.
void give_terminal(int terminal, pid_t group) noexcept {
  const sigset_t only = signal_set({SIGTTOU});
  sigset_t found{};
  pthread_sigmask(SIG_BLOCK, &only, &found);
  tcsetpgrp(terminal, group);
  pthread_sigmask(SIG_SETMASK, &found, nullptr);
}

Foreground::Foreground() noexcept {
  for (const int fd : {STDIN_FILENO, STDERR_FILENO, STDOUT_FILENO}) {
    if (tcgetpgrp(fd) < 0) continue;  // no terminal, or another session's
    terminal_.reset(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    break;
  }
  had_it_ = terminal_ && group() == getpgrp();
}

std::optional<pid_t> Foreground::ours(pid_t command) const noexcept {
  if (!terminal_) return std::nullopt;
  const pid_t front = group();
  return front > 0 && (front == getpgrp() || front == getpgid(command)) ? std::optional{front} : std::nullopt;
}

void Foreground::restore(std::optional<pid_t> front) noexcept {
  if (!terminal_ || group() != getpgrp()) return;
  had_it_ = true;
  if (front && *front != getpgrp()) give_terminal(terminal_.get(), *front);
}

void Foreground::reclaim() const noexcept {
  if (!had_it_) return;
  const pid_t front = group();
  if (front > 0 && front != getpgrp() && has_no_process(front)) give_terminal(terminal_.get(), getpgrp());
}

}  // namespace redlock::process

#include "process/plain_command.hpp"

#include "process/cancellation.hpp"
#include "process/descriptors.hpp"
#include "process/leash.hpp"
#include "process/spawn.hpp"

#include <poll.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <csignal>

namespace redlock::process {
namespace {

constexpr auto kForEver = std::chrono::hours{24 * 365 * 50};

// A command that has run for this long may close its end of a pipe before it ends.
constexpr int kShortRunMs = 10;
constexpr int kForEverMs = -1;

class PlainCommand {
 public:
  PlainCommand(pid_t pid, SignalFd& signals) noexcept : pid_{pid}, signals_{signals} {}

  // Returns what waitpid(2) says.
  int await_end() noexcept {
    take_signals();
    // From now on a terminal's signals reach the command by themselves.
    starting_ = false;
    int limit_ms = kShortRunMs;
    for (; !status_; take_signals()) {
      if (wait(limit_ms)) continue;
      close_inherited_descriptors();
      limit_ms = kForEverMs;
    }
    return *status_;
  }

  // Whether the terminal has sent it: INT or QUIT.
  bool heard_from_terminal(int signal) const noexcept { return signal == signal_of_terminal_; }

 private:
  bool wait(int limit_ms) noexcept {
    pollfd wanted{.fd = signals_.fd(), .events = POLLIN, .revents = 0};
    return poll(&wanted, 1, limit_ms) != 0;
  }

  void take_signals() noexcept {
    while (const auto info = signals_.take()) {
      const int signal = static_cast<int>(info->ssi_signo);
      if (signal == SIGCHLD) {
        reap();
      } else if (starting_ || is_for_command(*info)) {
        pass_on(signal);
      }
      if (is_from_terminal(*info) && (signal == SIGINT || signal == SIGQUIT)) signal_of_terminal_ = signal;
    }
  }

  // Of two signals that are pending the lesser one comes first: TERM before the CHLD of a stop that came earlier.
  void pass_on(int signal) noexcept {
    reap();
    if (status_) return;
    kill(pid_, signal);
    // A stopped command would not end until somebody continues it.
    if (stopped_ && asks_to_end(signal)) kill(pid_, SIGCONT);
  }

  // Of the command, and of orphans that this process receives as process 1.
  void reap() noexcept {
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;) {
      if (pid != pid_) continue;
      stopped_ = WIFSTOPPED(status);
      if (WIFEXITED(status) || WIFSIGNALED(status)) status_ = status;
      if (stopped_) stop_with_command(WSTOPSIG(status));
    }
  }

  // The shell sees a stopped job only if redlock stops, too.
  void stop_with_command(int signal) noexcept {
    if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) signals_.stop_as(signal);
  }

  pid_t pid_;
  SignalFd& signals_;
  bool starting_ = true;
  bool stopped_ = false;
  std::optional<int> status_;
  int signal_of_terminal_ = 0;  // none
};

}  // namespace

PlainResult run_plain_command(const std::vector<std::string>& argv, const Environment& environment,
                              SignalFd& signals, Clock& clock) {
  const ExecPlan plan{argv, environment};
  Leash leash{clock.boot_now() + kForEver, Duration::zero(), Duration::zero()};
  const pid_t pid = spawn({.plan = plan, .leash = leash, .signals = signals, .clock = clock});
  if (pid < 0) return {.exit_reason = fork_refused(errno)};
  PlainCommand command{pid, signals};
  const int status = command.await_end();
  if (const auto failure = leash.exec_failure()) return {.exit_reason = plan.explain(*failure)};
  if (WIFEXITED(status)) return {.exit_reason = Exited{WEXITSTATUS(status)}};
  const int signal = WTERMSIG(status);
  return {.exit_reason = Signalled{signal},
          .terminal_signal = command.heard_from_terminal(signal) ? std::optional{signal} : std::nullopt};
}

}  // namespace redlock::process

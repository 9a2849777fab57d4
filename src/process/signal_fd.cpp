#include "process/signal_fd.hpp"

#include "base/error.hpp"
#include "base/signal_set.hpp"
#include "process/privacy.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace redlock::process {
namespace {

// Signals that a person, a shell, an init or a terminal sends, for the command to get. Those that report a fault of redlock
// itself (SEGV, ABRT ...) or its limit of processor time (XCPU) end it; the guard then ends the command.
constexpr int kOffered[] = {SIGHUP,  SIGINT,    SIGQUIT, SIGTERM, SIGUSR1,   SIGUSR2,
                            SIGALRM, SIGVTALRM, SIGPROF, SIGIO,   SIGSTKFLT, SIGPWR,
                            SIGCONT, SIGTSTP,   SIGTTIN, SIGTTOU, SIGWINCH};

// The signals that the kernel sends to a whole process group on behalf of a terminal. Its other signals are for redlock alone:
// a timer that survived the exec (alarm(2)), an inherited file (O_ASYNC), the power supply.
constexpr int kOfTerminal[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGWINCH, SIGCONT};

void add_unless_ignored(sigset_t& set, int signal) {
  struct sigaction found {};
  if (sigaction(signal, nullptr, &found) == 0 && found.sa_handler != SIG_IGN) sigaddset(&set, signal);
}

struct sigaction disposition(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  return action;
}

}  // namespace

SignalFd::SignalFd() {
  sigemptyset(&offered_);
  for (const int signal : kOffered) add_unless_ignored(offered_, signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) add_unless_ignored(offered_, signal);
  sigaddset(&offered_, SIGCHLD);

  fd_.reset(signalfd(-1, &offered_, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw SystemError{"cannot watch for signals", errno};
  pthread_sigmask(SIG_BLOCK, &offered_, &found_mask_);
  const struct sigaction by_default = disposition(SIG_DFL);
  const struct sigaction ignored = disposition(SIG_IGN);
  sigaction(SIGCHLD, &by_default, &found_child_);
  sigaction(SIGPIPE, &ignored, &found_pipe_);
  sigaction(SIGXFSZ, &ignored, &found_file_size_);
}

SignalFd::~SignalFd() {
  restore_in_child();
}

std::optional<signalfd_siginfo> SignalFd::take() {
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return info;
}

void SignalFd::restore_in_child() const noexcept {
  sigaction(SIGCHLD, &found_child_, nullptr);
  sigaction(SIGPIPE, &found_pipe_, nullptr);
  sigaction(SIGXFSZ, &found_file_size_, nullptr);
  pthread_sigmask(SIG_SETMASK, &found_mask_, nullptr);
}

void SignalFd::stop_as(int signal) const noexcept {
  // An ignored signal stops nothing. The command was stopped by it, so redlock follows with SIGSTOP.
  if (sigismember(&offered_, signal) != 1) signal = SIGSTOP;
  raise(signal);
  const sigset_t only = signal_set({signal});
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);  // stops here; SIGCONT discards other pending stop signals
  pthread_sigmask(SIG_BLOCK, &offered_, nullptr);
}

void SignalFd::die_of(int signal) const noexcept {
  make_private();  // SIGQUIT was meant for the command
  const struct sigaction by_default = disposition(SIG_DFL);
  sigaction(signal, &by_default, nullptr);
  raise(signal);
  const sigset_t only = signal_set({signal});
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  _exit(exit_status::kSignalBase + signal);
}

bool is_from_terminal(const signalfd_siginfo& info) noexcept {
  const auto* const found =
      std::find(std::begin(kOfTerminal), std::end(kOfTerminal), static_cast<int>(info.ssi_signo));
  return info.ssi_code == SI_KERNEL && found != std::end(kOfTerminal);
}

bool is_for_command(const signalfd_siginfo& info) noexcept {
  const int signal = static_cast<int>(info.ssi_signo);
  if (signal == SIGCHLD) return false;
  if (!is_from_terminal(info)) return true;
  // A terminal that hangs up tells only the session leader. If that is redlock (ssh -t, xterm -e), the command would have
  // been the leader without it.
  return signal == SIGHUP && getsid(0) == getpid();
}

std::optional<int> take_fatal_signal(SignalFd& signals) {
  while (const auto info = signals.take()) {
    const int signal = static_cast<int>(info->ssi_signo);
    switch (signal) {
      case SIGCHLD:
      case SIGCONT:
      case SIGWINCH: break;
      case SIGTSTP:
      case SIGTTIN:
      case SIGTTOU: signals.stop_as(signal); break;
      default: return signal;
    }
  }
  return std::nullopt;
}

}  // namespace redlock::process

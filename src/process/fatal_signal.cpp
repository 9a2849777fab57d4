#include "process/fatal_signal.hpp"

#include <csignal>

namespace redlock::process {

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

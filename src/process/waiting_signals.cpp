#include "process/waiting_signals.hpp"

#include <csignal>

namespace redlock::process {

std::optional<int> take_deadly_signal(SignalGate& gate) {
  while (const auto info = gate.take()) {
    const int signal = static_cast<int>(info->ssi_signo);
    switch (signal) {
      case SIGCHLD:
      case SIGCONT:
      case SIGWINCH: break;
      case SIGTSTP:
      case SIGTTIN:
      case SIGTTOU: gate.stop_as(signal); break;
      default: return signal;
    }
  }
  return std::nullopt;
}

}  // namespace redlock::process

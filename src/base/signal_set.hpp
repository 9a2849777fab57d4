#pragma once

#include <csignal>
#include <initializer_list>

namespace redlock {

// Async-signal-safe, like the next.
inline sigset_t signal_set(std::initializer_list<int> signals) noexcept {
  sigset_t set{};
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

// In this thread. Returns the mask that it found.
inline sigset_t block_all_signals() noexcept {
  sigset_t all{};
  sigset_t found{};
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &found);
  return found;
}

}  // namespace redlock

#pragma once

#include "base/clock.hpp"

#include <csignal>
#include <ctime>
#include <functional>
#include <optional>

namespace redlock::fence {

// Waits for a flock(2), up to one limit however many files are locked in turn. A signal that ends redlock ends the wait.
class LockWait {
 public:
  // limit: none: for ever; 0: not at all. `waiting` is called once, when a wait has lasted for `tell_after`.
  LockWait(std::optional<Duration> limit, Duration tell_after, std::function<void()> waiting);
  LockWait(const LockWait&) = delete;
  LockWait& operator=(const LockWait&) = delete;
  ~LockWait();

  // Takes an exclusive lock. False if another has it and the limit has passed. Throws SystemError.
  bool lock(int fd);

 private:
  void start();
  void tell();
  void start_timer();
  void set_timer(Duration when) noexcept;
  void restore_signal() const noexcept;

  std::optional<Duration> limit_;
  Duration tell_after_;
  std::function<void()> waiting_;
  bool started_ = false;
  bool only_limit_is_left_ = false;
  std::optional<timer_t> timer_;
  struct sigaction found_action_ {};
  sigset_t found_mask_{};
};

}  // namespace redlock::fence

#pragma once

#include "base/clock.hpp"
#include "base/fd.hpp"

#include <optional>

namespace redlock {

// A timer on CLOCK_BOOTTIME for poll(2), whose own timeout stands still while the machine is suspended.
class Timer {
 public:
  Timer();  // throws SystemError

  int fd() const noexcept { return fd_.get(); }  // readable from the time set on

  // Sets the time, or none. Costs a system call only if it changes. Async-signal-safe.
  void set(std::optional<TimePoint> at) noexcept;

 private:
  UniqueFd fd_;
  std::optional<TimePoint> at_;
};

}  // namespace redlock

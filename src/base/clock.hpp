#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace redlock {

// CLOCK_BOOTTIME as a chrono clock (clock_gettime(2)), by which leases are measured: CLOCK_MONOTONIC, and so
// std::chrono::steady_clock, stands still while the machine is suspended, and a Redis TTL does not.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;  // NOLINT(readability-identifier-naming): the standard's name

  static time_point now() noexcept;
};

using Duration = BootClock::duration;
using TimePoint = BootClock::time_point;

constexpr Duration times(Duration duration, double factor) {
  return std::chrono::duration_cast<Duration>(duration * factor);
}

// One reading of both clocks, which every decision of the algorithm receives.
struct Now {
  TimePoint boot;           // for deadlines and validity
  std::uint64_t wall_us{};  // microseconds since 1970, CLOCK_REALTIME: only ever a proposal for the fence
};

// Reads both clocks. This file reads them, and nothing else in the program.
Now read_clocks() noexcept;

// Handed to everything that reads the time. A simulator passes its own.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  virtual Now now() = 0;
  virtual TimePoint boot_now() = 0;
};

class SystemClock final : public Clock {
 public:
  Now now() override { return read_clocks(); }
  TimePoint boot_now() override { return BootClock::now(); }
};

// The CLOCK_BOOTTIME value as a timespec, for timerfd_settime(2).
timespec to_timespec(TimePoint at) noexcept;

}  // namespace redlock

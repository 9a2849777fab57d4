#include "base/clock.hpp"

namespace redlock {
namespace {

std::chrono::nanoseconds read(clockid_t clock) noexcept {
  timespec ts{};
  clock_gettime(clock, &ts);
  return std::chrono::seconds{ts.tv_sec} + std::chrono::nanoseconds{ts.tv_nsec};
}

}  // namespace

BootClock::time_point BootClock::now() noexcept {
  return time_point{read(CLOCK_BOOTTIME)};
}

Now read_clocks() noexcept {
  const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(read(CLOCK_REALTIME)).count();
  return {.boot = BootClock::now(), .wall_us = wall > 0 ? static_cast<std::uint64_t>(wall) : 0};
}

timespec to_timespec(TimePoint at) noexcept {
  const auto since = at.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  return {.tv_sec = seconds.count(), .tv_nsec = (since - seconds).count()};
}

}  // namespace redlock

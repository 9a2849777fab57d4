#pragma once

#include "base/clock.hpp"

#include <cstdint>

namespace redlock::sim {

// The time of the simulated world, which nobody in it can read.
struct TrueClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<TrueClock>;
};
using Instant = TrueClock::time_point;

// A clock that starts anywhere and runs a little fast (rate > 1) or slow.
class SkewedClock {
 public:
  SkewedClock(Duration origin, double rate) : origin_{origin}, rate_{rate} {}

  TimePoint at(Instant instant) const {
    const auto elapsed = static_cast<double>(instant.time_since_epoch().count()) * rate_;
    return TimePoint{origin_ + Duration{static_cast<Duration::rep>(elapsed)}};
  }

  // The first instant at which the clock shows `reading` or later.
  Instant when(TimePoint reading) const {
    const auto elapsed = static_cast<double>((reading.time_since_epoch() - origin_).count()) / rate_;
    Instant instant{Duration{static_cast<Duration::rep>(elapsed)}};
    while (at(instant) < reading) instant += Duration{1};
    return instant;
  }

 private:
  Duration origin_;
  double rate_;
};

// The clocks of a client's machine.
class Machine {
 public:
  Machine(SkewedClock boot, std::uint64_t wall_us) : boot_{boot}, wall_us_{wall_us} {}

  // A fault of the driver, for the simulator's own test: CLOCK_MONOTONIC stands still while suspended.
  void misread_monotonic() { misreads_ = true; }

  Now read(Instant instant) const {
    const TimePoint boot = boot_.at(instant);
    const auto since_start = std::chrono::duration_cast<std::chrono::microseconds>(boot.time_since_epoch());
    return {.boot = misreads_ ? boot - suspended_ : boot,
            .wall_us = wall_us_ + static_cast<std::uint64_t>(since_start.count())};
  }

  Instant when(TimePoint reading) const { return boot_.when(misreads_ ? reading + suspended_ : reading); }

  // When the wall clock showed this, if it has not been set since.
  Instant when_wall(std::uint64_t us) const {
    return when(TimePoint{std::chrono::microseconds{us > wall_us_ ? us - wall_us_ : 0}});
  }

  void jump_wall_clock(std::uint64_t to_us) { wall_us_ = to_us; }
  void was_suspended(Duration local) { suspended_ += local; }

 private:
  SkewedClock boot_;
  std::uint64_t wall_us_;
  Duration suspended_{};
  bool misreads_ = false;
};

}  // namespace redlock::sim

#pragma once

#include "clocks.hpp"

#include <chrono>
#include <cstdint>

namespace redlock::sim {

// The wall clock of a node's machine, by which its keys end. It may be set.
class NodeClock {
 public:
  NodeClock(Duration origin, double rate) : clock_{origin, rate} {}

  std::int64_t ms(Instant now) const {
    return std::chrono::floor<std::chrono::milliseconds>(at(now)).count();
  }
  std::uint64_t us(Instant now) const {
    return static_cast<std::uint64_t>(std::chrono::floor<std::chrono::microseconds>(at(now)).count());
  }
  // When what lives up to this millisecond is gone.
  Instant gone_at(std::int64_t last_ms) const {
    return clock_.when(TimePoint{std::chrono::milliseconds{last_ms + 1} - jumped_});
  }
  Duration until_full_second(Instant now) const {
    return std::chrono::ceil<std::chrono::seconds>(at(now)) - at(now);
  }
  void jump(std::chrono::milliseconds by) { jumped_ += by; }

 private:
  Duration at(Instant now) const { return clock_.at(now).time_since_epoch() + jumped_; }

  SkewedClock clock_;
  Duration jumped_{};
};

}  // namespace redlock::sim

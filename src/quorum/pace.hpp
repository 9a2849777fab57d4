#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <chrono>

namespace redlock::quorum {

// How fast a line moves: how long one holder lately had the lock before the next.
class Pace {
 public:
  void learn(Duration tenure) noexcept { tenure_ = std::clamp(tenure, kLeast, kGreatest); }

  // For so long each who goes before us will have it, by all that is known: a part of what it was, to be on the safe side,
  // and of no more than some, in case they become quicker.
  Duration certain() const noexcept { return times(tenure_, kShare); }

 private:
  static constexpr double kShare = 0.6;
  static constexpr Duration kLeast = std::chrono::milliseconds{1};
  static constexpr Duration kGreatest = std::chrono::milliseconds{2};

  Duration tenure_ = kGreatest;
};

}  // namespace redlock::quorum

#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <chrono>

// How long a lease may be relied on: "Safety arguments" of the Redis page, with the margins of DESIGN
// sections 3, 4.
namespace redlock::quorum {

inline constexpr std::chrono::milliseconds kLeastTtl{200};

// What clocks of client and nodes may differ by over one lease: 1 % of it, and 2 ms for the granularity of
// PX.
constexpr Duration clock_drift(std::chrono::milliseconds ttl) {
  return Duration{ttl} / 100 + std::chrono::milliseconds{2};
}

// The end of validity of votes that were asked for at `sent`: by then no node can have dropped the key by
// itself.
constexpr TimePoint validity_end(TimePoint sent, std::chrono::milliseconds ttl) {
  return sent + ttl - clock_drift(ttl);
}

// The command's last process must be dead this long before validity ends.
constexpr Duration stop_margin(std::chrono::milliseconds ttl) {
  return std::clamp<Duration>(Duration{ttl} / 20, std::chrono::milliseconds{10},
                              std::chrono::milliseconds{200});
}

// The longest time between TERM and KILL, and the default where it is shorter than 5 s.
constexpr Duration greatest_kill_after(std::chrono::milliseconds ttl) {
  return Duration{ttl} / 3;
}

}  // namespace redlock::quorum

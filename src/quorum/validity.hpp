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

// How long after another client's request, by our clock, that client may still count the answer: node_timeout by its own
// clock. `node_timeout` is the configured one, the same for all that use a lock, never what a client with a short TTL
// makes of it.
constexpr Duration longest_round(Duration node_timeout) {
  return node_timeout + node_timeout / 100 + std::chrono::milliseconds{2};
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

#pragma once

#include "lock/session.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace redlock::lock {

// How long to try for a lock.
struct WaitPolicy {
  bool nonblock = false;                     // one attempt
  TimePoint until = TimePoint::max();        // give up then
  Duration retry_delay;                      // between attempts, before jitter
  std::optional<std::uint64_t> retry_count;  // attempts after the first, retry_delay apart; none: no limit
  bool curious = false;                      // see quorum::VigilRules
};

// Attempts until the lock is won, the policy says to stop, or a descriptor of `wake_fds` is readable (then: Cancelled; who
// goes on after that with the same `rules.waiter` keeps its place in the line). Returns the last verdict. `on_waiting` hears
// every verdict after which it goes on waiting. When the lock is not won, what the attempts left on the nodes has been
// released (Session::settle).
quorum::AcquireVerdict acquire(Session& session, const quorum::AcquireRules& rules, const WaitPolicy& policy,
                               std::span<const int> wake_fds,
                               const std::function<void(const quorum::AcquireVerdict&)>& on_waiting);

}  // namespace redlock::lock

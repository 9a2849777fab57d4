#include "lock/waiting.hpp"

#include <algorithm>

namespace redlock::lock {
namespace {

constexpr Duration kLeastPause = std::chrono::milliseconds{1};

// For so many times node_timeout an attempt that may not wait goes on trying to resolve a split. Far more than live
// contenders need, who are done after a few round trips.
constexpr int kNonblockRounds = 5;

// When, by the TTLs that the nodes told, the lock falls free.
std::optional<Duration> free_in(const quorum::AcquireVerdict& verdict) {
  if (const auto* held = std::get_if<quorum::Held>(&verdict)) return held->free_in;
  if (const auto* split = std::get_if<quorum::Split>(&verdict)) return split->free_in;
  return std::nullopt;
}

// The pause before the next attempt: retry_delay with jitter, or less when the lock expires sooner.
Duration pause_after(const quorum::AcquireVerdict& verdict, const WaitPolicy& policy, Entropy& entropy) {
  const auto jittered = times(policy.retry_delay, 0.5 + entropy.unit());
  const auto expires = free_in(verdict);
  return std::max(expires ? std::min(*expires, jittered) : jittered, kLeastPause);
}

bool is_final(const quorum::AcquireVerdict& verdict) {
  return std::holds_alternative<quorum::Won>(verdict) ||
         std::holds_alternative<quorum::SameServer>(verdict) ||
         std::holds_alternative<quorum::Cancelled>(verdict);
}

// Until the next attempt. The last one is made when the time is up, not up to a pause before.
Session::Woken pause(Session& session, const quorum::AcquireVerdict& verdict, const WaitPolicy& policy,
                     std::span<const int> wake_fds,
                     const std::function<void(const quorum::AcquireVerdict&)>& on_waiting) {
  const auto* held = std::get_if<quorum::Held>(&verdict);
  if (held == nullptr || policy.retry_count) {  // who counts attempts wants them in their time
    const TimePoint until =
        std::min(session.clock().boot_now() + pause_after(verdict, policy, session.entropy()), policy.until);
    return {.by_descriptor = session.sleep(until, wake_fds)};
  }
  return session.await_turn(*held,
                            {.until = policy.until,
                             .retry_delay = policy.retry_delay,
                             .curious = policy.curious,
                             .on_news = on_waiting},
                            wake_fds);
}

}  // namespace

quorum::AcquireVerdict acquire(Session& session, const quorum::AcquireRules& rules, const WaitPolicy& policy,
                               std::span<const int> wake_fds,
                               const std::function<void(const quorum::AcquireVerdict&)>& on_waiting) {
  quorum::AcquireRules asking = rules;
  for (std::uint64_t retries = 0;; ++retries) {
    asking.give_up_at = policy.until;
    if (policy.nonblock)
      asking.give_up_at = session.clock().boot_now() + kNonblockRounds * rules.node_timeout;
    quorum::AcquireVerdict verdict = session.attempt(asking, wake_fds);
    if (std::holds_alternative<quorum::Won>(verdict)) return verdict;
    const TimePoint now = session.clock().boot_now();
    if (is_final(verdict) || policy.nonblock || now >= policy.until ||
        (policy.retry_count && retries >= *policy.retry_count)) {
      session.settle();
      return verdict;
    }
    on_waiting(verdict);
    const auto woken = pause(session, verdict, policy, wake_fds, on_waiting);
    if (woken.by_descriptor) {
      session.settle();
      return quorum::Cancelled{};
    }
    asking.in_turn = woken.in_turn;
  }
}

}  // namespace redlock::lock

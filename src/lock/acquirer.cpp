#include "lock/acquirer.hpp"

#include "lock/report.hpp"
#include "redis/node_error.hpp"

#include <algorithm>
#include <utility>

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

}  // namespace

Acquirer::Acquirer(Driver& driver) : driver_{driver}, waiting_{driver}, responsive_(driver.size()) {
  driver_.set_listener([this](redis::Event& event) { return take(event); });
}

quorum::AcquireVerdict Acquirer::acquire(const quorum::AcquireRules& rules, const WaitPolicy& policy,
                                         std::span<const int> wake_fds, const OnWaiting& on_waiting) {
  quorum::AcquireRules asking = rules;
  for (std::uint64_t retries = 0;; ++retries) {
    asking.give_up_at = policy.until;
    if (policy.nonblock) asking.give_up_at = driver_.now().boot + kNonblockRounds * rules.node_timeout;
    quorum::AcquireVerdict verdict = attempt(asking, wake_fds);
    if (std::holds_alternative<quorum::Won>(verdict)) return verdict;
    if (is_final(verdict) || policy.nonblock || driver_.now().boot >= policy.until ||
        (policy.retry_count && retries >= *policy.retry_count)) {
      settle();
      return verdict;
    }
    on_waiting(verdict);
    const auto woken = pause(rules, verdict, policy, wake_fds, on_waiting);
    if (woken.by_descriptor) {
      settle();
      return quorum::Cancelled{};
    }
    asking.in_turn = woken.in_turn;
  }
}

quorum::AcquireVerdict Acquirer::attempt(const quorum::AcquireRules& rules, std::span<const int> wake_fds) {
  quorum::AcquireOp& attempt =
      attempt_.emplace(rules, driver_.membership(), driver_.ids(), driver_.entropy());
  std::fill(responsive_.begin(), responsive_.end(), false);
  const TimePoint began = driver_.now().boot;
  driver_.start(attempt);
  if (driver_.run(attempt, TimePoint::max(), wake_fds)) driver_.send(attempt.cancel(driver_.now()));
  attempt_took_ = driver_.now().boot - began;
  if (std::holds_alternative<quorum::Held>(*attempt.verdict()))
    round_trip_ = std::min(round_trip_, attempt_took_);
  return *attempt.verdict();
}

// Until the next attempt. The last one is made when the time is up, not up to a pause before.
Waiting::Woken Acquirer::pause(const quorum::AcquireRules& rules, const quorum::AcquireVerdict& verdict,
                               const WaitPolicy& policy, std::span<const int> wake_fds,
                               const OnWaiting& on_waiting) {
  const auto* held = std::get_if<quorum::Held>(&verdict);
  if (held != nullptr && !policy.retry_count) {  // a caller that counts attempts wants them in their time
    return waiting_.await_turn(*held,
                               {.votes = attempt_->votes(),
                                .entry = rules.waiter,
                                .round_trip = round_trip_,
                                .until = policy.until,
                                .retry_delay = policy.retry_delay,
                                .on_news = on_waiting},
                               wake_fds);
  }
  const TimePoint until =
      std::min(driver_.now().boot + pause_after(verdict, policy, driver_.entropy()), policy.until);
  std::optional<int> woken;
  while (!woken && driver_.now().boot < until) woken = driver_.turn(until, wake_fds);
  return {.by_descriptor = woken.has_value()};
}

void Acquirer::settle() {
  driver_.leave_queue();
  const TimePoint now = driver_.now().boot;
  const TimePoint until = now + driver_.node_timeout();
  const TimePoint last_vote = now + std::min(attempt_took_, driver_.node_timeout());
  while (attempt_ && attempt_->awaits_votes() && driver_.now().boot < last_vote) driver_.turn(last_vote);
  while (attempt_ && !releases_are_safe() && driver_.now().boot < until) driver_.turn(until);
}

// Every release that is under way is answered; or its node has not answered anything, but has the release in
// its socket.
bool Acquirer::releases_are_safe() const {
  for (quorum::NodeIndex node = 0; node < driver_.size(); ++node) {
    if (driver_.owes(node) && (responsive_[node] || !driver_.is_written(node))) return false;
  }
  return true;
}

// Whether the event is for the waiting alone. Of the others, some are late votes of an attempt that was won without them.
bool Acquirer::take(const redis::Event& event) {
  if (waiting_.take(event)) return true;
  const auto* failure = std::get_if<quorum::Failure>(&event.what);
  if (failure == nullptr || redis::is_answer(*failure)) responsive_[event.node] = true;
  take_late_vote(event);
  return false;
}

void Acquirer::take_late_vote(const redis::Event& event) {
  if (!attempt_ || !attempt_->awaits_votes()) return;
  if (const auto* reply = std::get_if<quorum::Reply>(&event.what)) {
    driver_.send(attempt_->on_reply(driver_.now(), event.node, event.id, *reply));
  } else if (const auto* failure = std::get_if<quorum::Failure>(&event.what)) {
    driver_.send(attempt_->on_failure(driver_.now(), event.node, event.id, *failure));
  }
}

std::vector<std::string> Acquirer::troubles() const {
  return attempt_ ? report_votes(attempt_->votes(), driver_) : std::vector<std::string>{};
}

}  // namespace redlock::lock

#include "lock/acquirer.hpp"

#include "redis/node_error.hpp"

#include <algorithm>
#include <utility>

namespace redlock::lock {
namespace {

constexpr Duration kLeastPause = std::chrono::milliseconds{1};

// Of the next in the queue; long enough for the other contender to get the processor.
constexpr Duration kLeastSplitPause = std::chrono::milliseconds{10};

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

bool lacks_quorum(const quorum::AcquireVerdict& verdict) {
  return std::holds_alternative<quorum::NoQuorum>(verdict) ||
         std::holds_alternative<quorum::TooLate>(verdict);
}

bool is_final(const quorum::AcquireVerdict& verdict) {
  return std::holds_alternative<quorum::Won>(verdict) ||
         std::holds_alternative<quorum::SameServer>(verdict) ||
         std::holds_alternative<quorum::Cancelled>(verdict);
}

}  // namespace

Duration default_quorum_wait(Duration quarantine) {
  constexpr Duration least = std::chrono::minutes{1};
  constexpr Duration restart = std::chrono::seconds{10};
  return std::max(least, quarantine + restart);
}

Acquirer::Acquirer(Driver& driver)
    : driver_{driver}, waiting_{driver}, retry_pause_{driver}, responsive_(driver.size()) {
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
    const TimePoint until = give_up_at(verdict, policy);
    if (is_final(verdict) || policy.nonblock || find_refusal(policy.in_vain, rules.slots) != nullptr ||
        driver_.now().boot >= until || (policy.retry_count && retries >= *policy.retry_count)) {
      settle();
      return verdict;
    }
    on_waiting(verdict);
    const auto woken = pause(rules, verdict, policy, until, wake_fds, on_waiting);
    if (woken.by_descriptor) {
      settle();
      return quorum::Cancelled{};
    }
    asking.in_turn = woken.in_turn;
    asking.bars = woken.bars;
    const auto* split = std::get_if<quorum::Split>(&verdict);
    asking.again =
        !policy.retry_count && (split != nullptr || std::holds_alternative<quorum::NoQuorum>(verdict));
    asking.strongest = asking.again && split != nullptr ? split->strongest : quorum::Token{};
  }
}

quorum::AcquireVerdict Acquirer::attempt(const quorum::AcquireRules& rules, std::span<const int> wake_fds) {
  quorum::AcquireOp& attempt =
      attempt_.emplace(rules, driver_.membership(), driver_.ids(), driver_.entropy());
  std::fill(responsive_.begin(), responsive_.end(), false);
  attempt_began_ = driver_.now().boot;
  driver_.start(attempt);
  if (driver_.run(attempt, TimePoint::max(), wake_fds)) driver_.send(attempt.cancel(driver_.now()));
  attempt_took_ = driver_.now().boot - attempt_began_;
  if (std::holds_alternative<quorum::Held>(*attempt.verdict()))
    round_trip_ = std::min(round_trip_, attempt_took_);
  return *attempt.verdict();
}

// The quorum's absence is counted from the first attempt that missed it, whatever was waited for before.
TimePoint Acquirer::give_up_at(const quorum::AcquireVerdict& verdict, const WaitPolicy& policy) {
  if (!lacks_quorum(verdict)) {
    if (!is_final(verdict)) quorum_lost_ = TimePoint::max();
    return policy.until;
  }
  quorum_lost_ = std::min(quorum_lost_, attempt_began_);
  const Duration patience =
      policy.quorum_wait.value_or(default_quorum_wait(driver_.membership().quarantine(driver_.now().boot)));
  return std::min(policy.until, quorum_lost_ + patience);
}

// Until the next attempt. The last one is made when the time is up, not up to a pause before.
Waiting::Woken Acquirer::pause(const quorum::AcquireRules& rules, const quorum::AcquireVerdict& verdict,
                               const WaitPolicy& policy, TimePoint give_up_at, std::span<const int> wake_fds,
                               const OnWaiting& on_waiting) {
  if (policy.retry_count) {  // a caller that counts attempts wants them in their time
    const TimePoint until =
        std::min(driver_.now().boot + pause_after(verdict, policy, driver_.entropy()), give_up_at);
    std::optional<int> woken;
    while (!woken && driver_.now().boot < until) woken = driver_.turn(until, wake_fds);
    return {.by_descriptor = woken.has_value()};
  }
  if (const auto* held = std::get_if<quorum::Held>(&verdict)) {
    const bool listened = retry_pause_.reset();
    if (listened && !has_waited_) driver_.nodes().unsubscribe();
    has_waited_ = true;
    return waiting_.await_turn(*held,
                               {.votes = attempt_->votes(),
                                .entry = rules.waiter,
                                .round_trip = round_trip_,
                                .until = give_up_at,
                                .retry_delay = policy.retry_delay,
                                .on_news = on_waiting},
                               wake_fds);
  }
  const auto woken = retry_pause_.wait(
      attempt_->votes(),
      {.retry_delay = pause_of_split(verdict, policy), .free_in = free_in(verdict), .until = give_up_at},
      wake_fds);
  return {.by_descriptor = woken.has_value()};
}

// While the next two in the queue settle between them who is first, the others take their turns. So they come back as soon
// as a yielder does; they are two, and no herd. All others pause for retry_delay.
Duration Acquirer::pause_of_split(const quorum::AcquireVerdict& verdict, const WaitPolicy& policy) const {
  const auto position = quorum::queue_position(attempt_->votes());
  if (!std::holds_alternative<quorum::Split>(verdict) || !position || position->ahead > 1)
    return policy.retry_delay;
  return std::min(policy.retry_delay, kLeastSplitPause);
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
// its socket. That is enough for the leaving of a queue, once a quorum has answered that: a position is a hint.
bool Acquirer::releases_are_safe() const {
  const bool left = driver_.membership().is_quorum(
      driver_.membership().nodes_where([&](quorum::NodeIndex node) { return !driver_.owes(node); }));
  for (quorum::NodeIndex node = 0; node < driver_.size(); ++node) {
    const bool needed = driver_.owes_release(node) || !left;
    if (driver_.owes(node) && ((needed && responsive_[node]) || !driver_.is_written(node))) return false;
  }
  return true;
}

// Whether the event is for the waiting alone. Of the others, some are late votes of an attempt that was won without them.
bool Acquirer::take(const redis::Event& event) {
  if (retry_pause_.take(event) || waiting_.take(event)) return true;
  const auto* failure = std::get_if<quorum::Failure>(&event.what);
  if (failure == nullptr || redis::is_answer(*failure)) responsive_[event.node] = true;
  take_late_vote(event);
  return false;
}

void Acquirer::take_late_vote(const redis::Event& event) {
  if (!attempt_ || !attempt_->done()) return;
  if (const auto* reply = std::get_if<quorum::Reply>(&event.what)) {
    driver_.send(attempt_->on_reply(driver_.now(), event.node, event.id, *reply));
  } else if (const auto* failure = std::get_if<quorum::Failure>(&event.what)) {
    driver_.send(attempt_->on_reply(driver_.now(), event.node, event.id, *failure));
  }
}

const quorum::Refused* Acquirer::find_refusal(const IsHolder& by, std::size_t slots) const {
  if (!by || !attempt_) return nullptr;
  for (const quorum::NodeVote& vote : attempt_->votes()) {
    const quorum::Refused* const refused = vote.refused();
    if (refused == nullptr) continue;
    if (slots > 0) {  // one that is free, or another's, may be waited for
      const auto& taken = refused->slots;
      if (taken.size() == slots && std::all_of(taken.begin(), taken.end(), by)) return &taken.front();
      continue;
    }
    if (!refused->barred && by(*refused)) return refused;
    for (const quorum::Refused& other : refused->others) {
      if (!other.barred && by(other)) return &other;
    }
  }
  return nullptr;
}

std::vector<std::string> Acquirer::troubles() const {
  return attempt_ ? report_votes(attempt_->votes(), driver_) : std::vector<std::string>{};
}

std::vector<ShownHolder> Acquirer::holders() const {
  return attempt_ ? report_holders(attempt_->votes(), driver_) : std::vector<ShownHolder>{};
}

}  // namespace redlock::lock

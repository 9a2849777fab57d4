#include "lock/retry_pause.hpp"

#include "redis/node_error.hpp"
#include "redis/queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::lock {
namespace {

// In the end each client asks each node so rarely.
constexpr Duration kGreatestPause = std::chrono::seconds{5};
constexpr unsigned kMostDoublings = 16;

// Attempts that find the same, before the client listens to the nodes: split votes of live contenders are gone by then.
constexpr unsigned kListenAfter = 2;

// How soon to follow news, at the most: a holder that is seen by a minority extends its lease again and again.
constexpr Duration kNewsPause = std::chrono::milliseconds{700};

// How often to probe nodes that are away. It costs those nothing until they are back.
constexpr Duration kProbePause = std::chrono::milliseconds{700};

constexpr Duration kLeastPause = std::chrono::milliseconds{1};

// No connection, no answer, or not ready yet. A node that answers otherwise is not away.
bool is_away(const quorum::NodeVote& vote) {
  const quorum::Failure* failure = vote.failure();
  if (failure == nullptr) return vote.pending();
  return failure->connection_gone || failure->passes || !redis::is_answer(*failure);
}

std::string said(const quorum::NodeVote& vote) {
  if (const auto* refused = vote.refused()) return fmt::format("held by {}", refused->holder.value);
  if (const auto* failure = vote.failure()) return fmt::format("failed {}", static_cast<int>(failure->kind));
  return vote.pending() ? "silent" : "free";
}

Duration jittered(Duration length, Entropy& entropy) {
  return times(length, 0.5 + entropy.unit());
}

}  // namespace

std::optional<int> RetryPause::wait(const quorum::NodeVotes& votes, const Pause& pause,
                                    std::span<const int> wake_fds) {
  note(votes);
  if (same_ >= kListenAfter || pause.retry_delay > kNewsPause) listen();
  const TimePoint began = driver_.now().boot;
  Entropy& entropy = driver_.entropy();
  const TimePoint after_news =
      began + jittered(std::min(kNewsPause, std::max(pause.retry_delay, kLeastPause)), entropy);
  TimePoint end = end_of(votes, pause);
  TimePoint probe_at = began + jittered(kProbePause, entropy);
  news_ = false;
  for (;;) {
    const TimePoint now = driver_.now().boot;
    if (news_) end = std::min(end, std::max(after_news, now));
    if (now >= end) return std::nullopt;
    if (now >= probe_at) {
      probe_absent(votes);
      probe_at = now + jittered(kProbePause, entropy);
    }
    if (const auto woken = driver_.turn(std::min(end, probe_at), wake_fds)) return woken;
  }
}

void RetryPause::note(const quorum::NodeVotes& votes) {
  std::vector<std::string> picture;
  for (const quorum::NodeVote& vote : votes) picture.push_back(said(vote));
  same_ = picture == picture_ ? same_ + 1 : 0;
  picture_ = std::move(picture);
}

// retry_delay with jitter, and twice as much each time; less where it is known when the lock is to be had.
TimePoint RetryPause::end_of(const quorum::NodeVotes& votes, const Pause& pause) {
  const TimePoint now = driver_.now().boot;
  const quorum::Membership& membership = driver_.membership();
  const Duration doubled =
      times(pause.retry_delay, static_cast<double>(1U << std::min(same_, kMostDoublings)));
  Duration length =
      jittered(std::max(pause.retry_delay, std::min(doubled, kGreatestPause)), driver_.entropy());
  if (pause.free_in) length = std::min(length, *pause.free_in);

  quorum::NodeSet voters;
  std::vector<quorum::Membership::Later> later;
  for (quorum::NodeIndex node = 0; node < votes.size(); ++node) {
    if (!votes[node].answered()) continue;
    const auto eligibility = membership.eligibility(node, now);
    if (eligibility == quorum::VoteEligibility::Voter) voters.add(node, membership.server_of(node));
    if (eligibility == quorum::VoteEligibility::Quarantined)
      later.push_back({.after = membership.quarantine_left(node, now), .node = node});
  }
  if (!later.empty() && !membership.is_quorum(voters)) {
    const auto votes_again = membership.quorum_after(std::move(voters), std::move(later));
    if (votes_again) length = std::min(length, *votes_again);
  }
  return std::min(now + std::max(length, kLeastPause), pause.until);
}

void RetryPause::listen() {
  if (std::exchange(listens_, true)) return;
  for (quorum::NodeIndex node = 0; node < driver_.size(); ++node) {
    driver_.nodes().subscribe(node, redis::SubscriptionMode::Next, {}, driver_.node_timeout());
  }
}

void RetryPause::probe_absent(const quorum::NodeVotes& votes) {
  for (quorum::NodeIndex node = 0; node < votes.size(); ++node) {
    if (!is_away(votes[node]) || probes_[node] != 0) continue;
    probes_[node] = driver_.ids().next();
    driver_.nodes().ask({.node = node,
                         .id = probes_[node],
                         .words = redis::probe_words(quorum::Probe::Holder, driver_.keys(), {}),
                         .deadline = driver_.now().boot + driver_.node_timeout()});
  }
}

bool RetryPause::reset() {
  picture_.clear();
  same_ = 0;
  return std::exchange(listens_, false);
}

bool RetryPause::take(const redis::Event& event) {
  if (event.id != 0 && event.id == probes_[event.node]) {
    probes_[event.node] = 0;
    if (std::holds_alternative<redis::Value>(event.what)) news_ = true;
    return true;
  }
  // Changes before a node began to tell have not been told.
  if (std::holds_alternative<redis::KeyChanged>(event.what) ||
      std::holds_alternative<redis::SubscriptionReady>(event.what))
    news_ = true;
  return false;
}

}  // namespace redlock::lock

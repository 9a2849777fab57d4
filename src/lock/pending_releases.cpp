#include "lock/pending_releases.hpp"

#include <algorithm>

namespace redlock::lock {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds{5};
constexpr unsigned kDoublings = 4;  // up to 80 ms: a dozen tries in a second

// The node did not get the release, or is not ready yet: a restarting server refuses, breaks and loads.
bool worth_repeating(const quorum::Failure& failure) {
  return failure.connection_gone || failure.passes;
}

}  // namespace

template <class Predicate>
bool PendingReleases::any(Predicate predicate) const {
  return std::any_of(releases_.begin(), releases_.end(), predicate);
}

void PendingReleases::add(const quorum::Send& release) {
  releases_.push_back({.send = release});
}

void PendingReleases::on_reply(quorum::RequestId id) {
  std::erase_if(releases_, [&](const OwedRelease& release) { return release.send.id == id; });
}

bool PendingReleases::on_failure(Now now, quorum::RequestId id, const quorum::Failure& failure) {
  const auto found = std::find_if(releases_.begin(), releases_.end(),
                                  [&](const OwedRelease& release) { return release.send.id == id; });
  if (found == releases_.end()) return false;
  if (!worth_repeating(failure) || now.boot >= found->send.deadline) {
    releases_.erase(found);
    return false;
  }
  // A connection that breaks is often a server that is back already.
  const bool broke = failure.connection_gone && failure.may_have_arrived;
  const bool at_once = broke && found->failures == 0;
  const Duration pause = at_once ? Duration{} : kFirstPause * (1U << std::min(found->failures, kDoublings));
  ++found->failures;
  found->failure = failure;
  found->again_at = std::min(now.boot + pause, found->send.deadline);
  return true;
}

PendingReleases::Due PendingReleases::on_time(Now now) {
  Due due;
  for (OwedRelease& release : releases_) {
    if (!release.again_at || now.boot < *release.again_at) continue;
    if (now.boot >= release.send.deadline) {
      due.expired.push_back(
          {.node = release.send.node, .id = release.send.id, .failure = std::move(release.failure)});
    } else {
      release.again_at.reset();
      due.again.push_back(release.send);
    }
  }
  for (const ExpiredRelease& expired : due.expired) on_reply(expired.id);
  return due;
}

TimePoint PendingReleases::deadline() const {
  TimePoint next = TimePoint::max();
  for (const OwedRelease& release : releases_) next = std::min(next, release.again_at.value_or(next));
  return next;
}

bool PendingReleases::contains(quorum::RequestId id) const {
  return any([&](const OwedRelease& release) { return release.send.id == id; });
}

bool PendingReleases::owes(quorum::NodeIndex node) const {
  return any([&](const OwedRelease& release) { return release.send.node == node; });
}

bool PendingReleases::pauses(quorum::NodeIndex node) const {
  return any([&](const OwedRelease& release) { return release.send.node == node && release.again_at; });
}

}  // namespace redlock::lock

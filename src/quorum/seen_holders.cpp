#include "quorum/seen_holders.hpp"

#include "quorum/validity.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace redlock::quorum {
namespace {

// No holder's TTL is taken to be longer, whatever a node says: the configuration allows no longer one.
constexpr std::chrono::milliseconds kLongestTtl = std::chrono::hours{30 * 24};

// Whether the refusal names this holder, of any name.
bool shows(const Refused* refused, const Token& holder) {
  if (refused == nullptr) return false;
  bool shown = false;
  refused->each_name([&](const Refused& name) { shown = shown || (!name.barred && name.holder == holder); });
  return shown;
}

}  // namespace

void SeenHolders::on_answer(const ShownHolders& answer) {
  std::erase_if(sightings_, [&](const Sighting& seen) { return seen.gone_by <= answer.read; });
  const auto deleted = std::find_if(sightings_.begin(), sightings_.end(), [&](const Sighting& seen) {
    return seen.node == answer.node && seen.server && seen.server == answer.server &&
           !shows(answer.refused, seen.holder) && answer.read < seen.there_until;
  });
  if (deleted != sightings_.end()) {
    const Token gone = deleted->holder;
    std::erase_if(sightings_, [&](const Sighting& seen) { return seen.holder == gone; });
  }
  if (answer.refused == nullptr) return;
  answer.refused->each_name([&](const Refused& name) { add(answer, name); });
}

void SeenHolders::add(const ShownHolders& answer, const Refused& refused) {
  if (refused.barred) return;
  const auto ttl = std::min(std::max(refused.holder_ttl, refused.remaining), kLongestTtl);
  if (ttl <= ttl.zero()) return;  // the key has no TTL, and nobody says who set it
  const auto left = refused.remaining < ttl.zero() ? ttl : std::min(refused.remaining, kLongestTtl);
  const Sighting seen{.node = answer.node,
                      .server = answer.server,
                      .holder = refused.holder,
                      .ttl = ttl,
                      .there_until = answer.sent + left - clock_drift(left),
                      .gone_by = answer.read + left + clock_drift(left)};
  const auto before = std::find_if(sightings_.begin(), sightings_.end(), [&](const Sighting& each) {
    return each.node == seen.node && each.holder == seen.holder;
  });
  if (before == sightings_.end()) {
    sightings_.push_back(seen);
    return;
  }
  // A server that restarted may have gone back to an earlier expiry. Otherwise the later answer knows better: the less is left,
  // the less clocks differ, and a lock that rests may fall free sooner than its lease.
  const bool same_server = before->server && before->server == seen.server;
  const TimePoint gone_by = same_server ? seen.gone_by : std::max(before->gone_by, seen.gone_by);
  *before = seen;
  before->gone_by = gone_by;
}

Duration SeenHolders::longest_ttl(TimePoint at) const {
  Duration longest{};
  for (const Sighting& seen : sightings_) {
    if (at < seen.gone_by) longest = std::max(longest, seen.ttl);
  }
  return longest;
}

Duration SeenHolders::unknown_for(Duration uptime, TimePoint at) const {
  Duration longest{};
  for (const Sighting& seen : sightings_) {
    longest = std::max(longest, std::min(seen.ttl - uptime, seen.gone_by - at));
  }
  return longest;
}

}  // namespace redlock::quorum

#include "quorum/survey.hpp"

#include <algorithm>
#include <map>

namespace redlock::quorum {
namespace {

struct Holding {
  std::vector<const Sighting*> sightings;
};

bool counts(const Observation& observation, Standing standing) {
  const Sighting* sighting = observation.sighting();
  if (sighting == nullptr) return false;
  return standing == Standing::Voter || (standing == Standing::Quarantined && sighting->holder);
}

// When so many of the keys will have expired that a quorum of all nodes is free of this token.
std::optional<Duration> free_in(const Holding& holding, const Electorate& electorate) {
  std::vector<Duration> remaining;
  for (const Sighting* sighting : holding.sightings) {
    if (sighting->remaining.count() >= 0) remaining.push_back(sighting->remaining);
  }
  const std::size_t free = electorate.nodes() - holding.sightings.size();
  if (free >= electorate.quorum()) return Duration::zero();
  const std::size_t needed = electorate.quorum() - free;  // so many must expire
  if (needed > remaining.size()) return std::nullopt;
  std::sort(remaining.begin(), remaining.end());
  return remaining[needed - 1];
}

// The fence of a grant is final once a quorum of counters has it (DESIGN section 3, "Fence"). A late vote's counter may
// be above it, that of a vote that was not needed below.
Fence agreed_fence(const Holding& holding, const Electorate& electorate) {
  std::map<Fence, std::size_t> counters;
  for (const Sighting* sighting : holding.sightings) {
    if (sighting->counter != 0 && ++counters[sighting->counter] >= electorate.quorum())
      return sighting->counter;
  }
  return 0;
}

Claim claim_of(const Token& token, const Holding& holding, const Electorate& electorate) {
  Claim claim{.token = token,
              .votes = holding.sightings.size(),
              .info = {},
              .ttl = {},
              .fence = agreed_fence(holding, electorate),
              .free_in = free_in(holding, electorate)};
  for (const Sighting* sighting : holding.sightings)
    claim.ttl = std::max({claim.ttl, sighting->remaining, sighting->holder_ttl});
  for (const Sighting* sighting : holding.sightings) {
    if (is_anonymous(sighting->info)) continue;
    claim.info = sighting->info;
    break;
  }
  if (is_anonymous(claim.info)) claim.fence = 0;  // another library's holder has none
  return claim;
}

LockState state_of(const Survey& survey, const Electorate& electorate) {
  const std::size_t missing = electorate.nodes() - survey.answered;
  const std::size_t most = survey.claims.empty() ? 0 : survey.claims.front().votes;
  if (most >= electorate.quorum()) return LockState::Held;
  if (survey.answered < electorate.quorum() || most + missing >= electorate.quorum())
    return LockState::Unknown;
  return survey.claims.empty() ? LockState::Free : LockState::Split;
}

}  // namespace

bool is_anonymous(const HolderInfo& info) {
  return info.host.empty() && info.user.empty() && info.pid == 0;
}

Survey survey(const Observations& observations, const Electorate& electorate) {
  Survey sum;
  std::map<Token, Holding> holdings;
  for (NodeIndex node = 0; node < observations.size(); ++node) {
    const Observation& observation = observations[node];
    if (!counts(observation, electorate.standing(node, observation.sent))) continue;
    const Sighting& sighting = *observation.sighting();
    ++sum.answered;
    sum.waiting = std::max(sum.waiting, sighting.waiting);
    if (sighting.holder) holdings[*sighting.holder].sightings.push_back(&sighting);
  }
  for (const auto& [token, holding] : holdings) sum.claims.push_back(claim_of(token, holding, electorate));
  std::stable_sort(sum.claims.begin(), sum.claims.end(),
                   [](const Claim& a, const Claim& b) { return a.votes > b.votes; });
  sum.state = state_of(sum, electorate);
  return sum;
}

}  // namespace redlock::quorum

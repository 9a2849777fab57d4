#include "whole/subscription_check.hpp"

#include "describe.hpp"
#include "whole/competitor.hpp"
#include "whole/node_server.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

constexpr Duration kLook = milliseconds{100};

// Before its first try a subscription rests for so long at the most, and for twice as long before each further one: for no
// longer than three times as long as it has tried in vain.
constexpr Duration kFirstRest = milliseconds{75};
constexpr Duration kGreatestRest = milliseconds{7'500};

// From the look-up of a name to the first answer that counts, at the slowest: so many times the latency.
constexpr int kSetup = 20;

bool applies_to(const Scenario& scenario) {
  const auto excluded = {Fault::ClientPauses, Fault::Suspends, Fault::WildDrift, Fault::NodeErrors,
                         Fault::Moves};
  return std::none_of(excluded.begin(), excluded.end(),
                      [&](Fault fault) { return has(scenario.faults, fault); });
}

}  // namespace

SubscriptionCheck::SubscriptionCheck(Setting& setting,
                                     const std::vector<std::unique_ptr<Competitor>>& competitors)
    : setting_{setting}, competitors_{competitors} {
  if (applies_to(setting.scenario)) setting_.queue.plan(setting_.queue.now() + kLook, [this] { look(); });
}

void SubscriptionCheck::look() {
  bool all_ended = true;
  for (const auto& competitor : competitors_) {
    const Program& program = competitor->program();
    if (program.ended() || program.dead()) continue;
    all_ended = false;
    for (std::size_t address = 0; address < program.addresses(); ++address) look_at(*competitor, address);
  }
  if (!all_ended) setting_.queue.plan(setting_.queue.now() + kLook, [this] { look(); });
}

void SubscriptionCheck::look_at(const Competitor& competitor, std::size_t address) {
  const Program& program = competitor.program();
  const Instant now = setting_.queue.now();
  const Instant since = competitor.listens_since();
  // A connection that is not ready within node_timeout begins anew.
  const bool in_time = kSetup * setting_.scenario.latency < competitor.habits().settings.node_timeout;
  if (since == Instant::max() || !in_time) return;
  Told& told = told_[{&competitor, address}];
  if (program.node_at(address).tells(program, address)) {
    told = {.listens_since = since, .last = now};
  } else if (told.listens_since == since && now > due(competitor, address, told.last)) {
    setting_.violated(fmt::format("{} has not been told by {} for {}", program.name(),
                                  program.node_at(address).name(), describe(now - told.last)));
  }
}

Instant SubscriptionCheck::due(const Competitor& competitor, std::size_t address, Instant last_told) const {
  const Program& program = competitor.program();
  Instant quiet_since = last_told;
  for (const auto& trouble : program.disturbances(address))
    quiet_since = std::max(quiet_since, trouble.until);
  for (const auto& trouble : program.node_at(address).disturbances())
    quiet_since = std::max(quiet_since, trouble.until);
  const Duration rest = std::min(kFirstRest + 3 * (quiet_since - last_told), kGreatestRest);
  return quiet_since + rest + kLook + 2 * kSetup * setting_.scenario.latency;
}

}  // namespace redlock::sim

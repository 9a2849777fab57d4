#include "whole/liveness.hpp"

#include "describe.hpp"
#include "whole/competitor.hpp"
#include "whole/node_server.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

// Less than the second after which a waiter looks by itself.
constexpr Duration kSoon = milliseconds{600};
// A subscription that has broken rests for so long at the most before its first try, and twice as long each time.
constexpr Duration kFirstRest = milliseconds{75};
constexpr unsigned kMostDoublings = 6;

bool applies_to(const Scenario& scenario) {
  constexpr std::array excluded{Fault::ClientPauses, Fault::Suspends,  Fault::Deaths,     Fault::Moves,
                                Fault::NodeErrors,   Fault::Crashes,   Fault::Amnesia,    Fault::Duplicates,
                                Fault::NodeJumps,    Fault::WildDrift, Fault::HandDeletes};
  return std::none_of(excluded.begin(), excluded.end(),
                      [&](Fault fault) { return has(scenario.faults, fault); });
}

}  // namespace

Liveness::Liveness(Setting& setting, const std::vector<std::unique_ptr<NodeServer>>& nodes,
                   const std::vector<std::unique_ptr<Competitor>>& competitors)
    : setting_{setting}, nodes_{nodes}, competitors_{competitors}, applies_{applies_to(setting.scenario)} {
}

bool Liveness::is_free() const {
  return std::all_of(nodes_.begin(), nodes_.end(),
                     [](const auto& node) { return node->holder() == nullptr; });
}

void Liveness::look() {
  if (!applies_) return;
  if (!is_free()) {
    free_since_ = Instant::max();
    return;
  }
  if (free_since_ != Instant::max()) return;
  free_since_ = setting_.queue.now();
  setting_.queue.plan(free_since_ + kSoon + 30 * setting_.scenario.latency,
                      [this, since = free_since_] { check(since); });
}

void Liveness::check(Instant free_since) {
  if (free_since_ != free_since) return;
  for (const auto& competitor : competitors_) {
    if (competitor->waits_since() >= free_since || !could_hear(*competitor)) continue;
    setting_.violated(fmt::format("{} has slept for {} while the lock was free", competitor->program().name(),
                                  describe(setting_.queue.now() - free_since)));
  }
}

// Whether its ways to all nodes have been quiet since the lock fell free, and long enough before for its subscriptions to
// have come back.
bool Liveness::could_hear(const Competitor& competitor) const {
  const Program& program = competitor.program();
  for (std::size_t address = 0; address < program.addresses(); ++address) {
    Duration rest = kFirstRest;
    unsigned troubles = 0;
    Instant last = competitor.waits_since();
    const auto note = [&](const Program::Disturbance& trouble) {
      if (trouble.until < competitor.began_to_wait()) return;
      last = std::max(last, trouble.until);
      if (++troubles <= kMostDoublings) rest *= 2;
    };
    for (const auto& trouble : program.disturbances(address)) note(trouble);
    for (const auto& trouble : program.node_at(address).disturbances()) note(trouble);
    if (last + (troubles > 0 ? rest : Duration{}) + 20 * setting_.scenario.latency > free_since_)
      return false;
  }
  return true;
}

}  // namespace redlock::sim

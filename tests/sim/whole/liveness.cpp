#include "whole/liveness.hpp"

#include "describe.hpp"
#include "whole/competitor.hpp"
#include "whole/node_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

// Less than the second after which a waiter looks by itself.
constexpr Duration kSoon = milliseconds{600};
// A subscription that has broken rests for so long at the most before its first try, and twice as long each time.
constexpr Duration kFirstRest = milliseconds{75};
constexpr unsigned kMostDoublings = 6;

constexpr Duration kLook = milliseconds{250};  // from one look at the polls to the next

bool none(const Scenario& scenario, std::initializer_list<Fault> excluded) {
  return std::none_of(excluded.begin(), excluded.end(),
                      [&](Fault fault) { return has(scenario.faults, fault); });
}

bool applies_to(const Scenario& scenario) {
  return none(scenario, {Fault::ClientPauses, Fault::Suspends, Fault::Deaths, Fault::Moves, Fault::NodeErrors,
                         Fault::Crashes, Fault::Amnesia, Fault::Duplicates, Fault::NodeJumps,
                         Fault::WildDrift, Fault::HandDeletes});
}

// The longest that a waiter sleeps between two questions.
Duration greatest_poll(std::size_t nodes) {
  return times(std::chrono::seconds{2}, std::max(1.0, 5.5 / static_cast<double>(nodes)));
}

}  // namespace

Liveness::Liveness(Setting& setting, const std::vector<std::unique_ptr<NodeServer>>& nodes,
                   const std::vector<std::unique_ptr<Competitor>>& competitors)
    : setting_{setting},
      nodes_{nodes},
      competitors_{competitors},
      applies_{applies_to(setting.scenario)},
      polls_apply_{none(setting.scenario, {Fault::ClientPauses, Fault::Suspends, Fault::WildDrift})},
      winners_(setting.scenario.names) {
  if (polls_apply_) setting_.queue.plan(setting_.queue.now() + kLook, [this] { check_polls(); });
}

bool Liveness::is_free() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [this](const auto& node) {
    for (std::size_t name = 0; name < setting_.scenario.names; ++name) {
      if (node->holder(name) != nullptr || node->keeps(name)) return false;
    }
    return true;
  });
}

// The token that a quorum of nodes has for this name; empty: none.
std::string Liveness::winner(std::size_t name) const {
  for (const auto& node : nodes_) {
    const std::string* const token = node->holder(name);
    if (token != nullptr && nodes_with(name, *token) >= majority_of(nodes_.size())) return *token;
  }
  return {};
}

std::size_t Liveness::nodes_with(std::size_t name, const std::string& token) const {
  return static_cast<std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return node->holder(name) != nullptr && *node->holder(name) == token;
  }));
}

// A node that has not granted has called nobody.
void Liveness::note_winners() {
  for (std::size_t name = 0; name < setting_.scenario.names; ++name) {
    const std::string token = winner(name);
    if (token.empty() || std::exchange(winners_[name], token) == token) continue;
    setting_.queue.plan(setting_.queue.now() + 4 * setting_.scenario.latency, [this, name, token] {
      if (winner(name) == token && nodes_with(name, token) < nodes_.size())
        not_all_granted_at_ = setting_.queue.now();
    });
  }
}

void Liveness::look() {
  if (!applies_) return;
  note_winners();
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

void Liveness::check_polls() {
  const Duration most =
      greatest_poll(setting_.scenario.nodes) + milliseconds{200} + 20 * setting_.scenario.latency;
  bool all_ended = true;
  for (const auto& competitor : competitors_) {
    const Program& program = competitor->program();
    if (program.ended() || program.dead()) continue;
    all_ended = false;
    if (competitor->waits_since() == Instant::max()) continue;
    const Instant last =
        std::max({competitor->waits_since(), competitor->witness().last_asked(), quiet_since(*competitor)});
    if (setting_.queue.now() - last > most)
      setting_.violated(fmt::format("{} sleeps past its poll", program.name()));
  }
  if (!all_ended) setting_.queue.plan(setting_.queue.now() + kLook, [this] { check_polls(); });
}

Instant Liveness::quiet_since(const Competitor& competitor) const {
  const Program& program = competitor.program();
  Instant since = Instant::min();
  for (std::size_t address = 0; address < program.addresses(); ++address) {
    for (const auto& trouble : program.disturbances(address)) since = std::max(since, trouble.until);
    for (const auto& trouble : program.node_at(address).disturbances())
      since = std::max(since, trouble.until);
  }
  return since;
}

// Whether its ways to all nodes have been quiet since the lock fell free, and long enough before for its subscriptions to
// have come back; and no grant since it began to wait has left out a node, which may be the one that was to call it.
bool Liveness::could_hear(const Competitor& competitor) const {
  if (not_all_granted_at_ >= competitor.began_to_wait()) return false;
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

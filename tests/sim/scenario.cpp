#include "scenario.hpp"

#include "describe.hpp"
#include "quorum/validity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

// Between low and high, each order of magnitude as likely as the other.
double log_between(Dice& dice, double low, double high) {
  return std::exp(dice.between(std::log(low), std::log(high)));
}
Duration log_between(Dice& dice, Duration low, Duration high) {
  const double length =
      log_between(dice, static_cast<double>(low.count()), static_cast<double>(high.count()));
  return Duration{static_cast<Duration::rep>(length)};
}

Faults draw_faults(const Faults& allowed, Dice& dice) {
  // Each world has some of the faults, so that each pair meets, and none hides behind another.
  const double share = dice.between(0.1, 0.7);
  Faults faults;
  for (std::size_t i = 0; i < faults.size(); ++i) faults.set(i, allowed.test(i) && dice.chance(share));
  return faults;
}

bool all_inside_model(const Faults& faults) {
  return (faults & ~faults_of_whole_worlds()).none();
}

}  // namespace

Scenario draw(const Request& request, Dice& dice) {
  Scenario world{};
  world.nodes = request.nodes;
  world.faults = draw_faults(request.faults, dice);
  if (has(world.faults, Fault::Duplicates) && !dice.chance(0.2)) {
    world.faults.reset(static_cast<std::size_t>(Fault::Duplicates));
  }
  world.inside_model = all_inside_model(world.faults);
  world.defect = request.defect;

  world.servers = world.nodes;
  if (has(world.faults, Fault::Duplicates) && world.nodes > 1) --world.servers;
  for (std::size_t address = 0; address < world.nodes; ++address) {
    world.server_of.push_back(std::min(address, world.servers - 1));
  }

  // Three names are enough for sets that overlap in a circle.
  if (request.names > 0)
    world.names = request.names;
  else if (dice.chance(0.5))
    world.names = 2 + dice.below(2);

  const std::size_t more = request.most_clients - request.least_clients + 1;
  const std::size_t clients = request.least_clients + dice.below(more);
  world.foreigners = has(world.faults, Fault::Foreign) ? 1 + dice.below(2) : 0;
  world.foreigners = std::min(world.foreigners, clients - 1);
  world.contenders = clients - world.foreigners;

  world.ttl =
      std::chrono::duration_cast<milliseconds>(log_between(dice, quorum::kLeastTtl, std::chrono::seconds{3}));
  world.node_timeout = log_between(dice, Duration{world.ttl} / 20, Duration{world.ttl} * 5 / 4);
  world.one_ttl = dice.chance(0.6);
  world.short_rounds = dice.chance(0.5);
  world.quarantine = has(world.faults, Fault::NoQuarantine) ? Duration{} : Duration{world.ttl};
  world.latency = log_between(dice, std::chrono::microseconds{20}, world.node_timeout / 6);
  world.trouble = log_between(dice, 0.003, 0.15);
  world.spread = dice.chance(0.3) ? world.latency * 4 : Duration{world.ttl};
  world.attempts = 1 + static_cast<unsigned>(dice.below(6));
  world.cycles = 1 + static_cast<unsigned>(dice.below(2));
  world.hold = log_between(dice, Duration{world.ttl} / 20, Duration{world.ttl} * 3);

  const bool can_wipe = !request.whole && has(world.faults, Fault::Outages) &&
                        has(world.faults, Fault::Amnesia) && has(world.faults, Fault::ClientPauses) &&
                        world.servers == world.nodes;
  world.wiped_vote = can_wipe && world.nodes >= 3 && dice.chance(0.3);
  if (world.wiped_vote) {
    world.foreigners = 0;
    world.contenders = 2;
    world.ttl = std::max(world.ttl, milliseconds{500});
    world.node_timeout = Duration{world.ttl} / 10;
    world.latency = std::min<Duration>(world.latency, Duration{world.ttl} / 200);
    world.quarantine = Duration{world.ttl};
    world.hold = Duration{world.ttl} * 6;
    world.attempts = 6;
    world.cycles = 1;
    world.one_ttl = true;
    world.trouble = 0;
    world.names = 1;
  }

  const bool can_forget = !request.whole && !world.wiped_vote && has(world.faults, Fault::Amnesia) &&
                          has(world.faults, Fault::Outages) && world.servers == world.nodes;
  world.unequal_ttls = can_forget && world.nodes >= 3 && dice.chance(0.1);
  if (world.unequal_ttls) {
    world.foreigners = 0;
    world.contenders = 2;
    world.ttl = milliseconds{6000 + dice.below(6000)};
    world.one_ttl = false;
    world.node_timeout = milliseconds{100};
    world.latency = std::min<Duration>(world.latency, milliseconds{3});
    world.quarantine = milliseconds{200 + dice.below(800)};
    world.hold = Duration{world.ttl} * 3 / 2;
    world.attempts = 10'000;
    world.cycles = 1;
    world.trouble = 0;
  }
  // Not by the dice: the other worlds stay as they were.
  constexpr std::uint64_t one_in = 4;
  world.slots = world.names > 1 && mix(request.seed ^ one_in) % one_in == 0;
  return world;
}

// Neighbours, so that a lock of two names overlaps with the next, and the last with the first.
Names Scenario::draw_names(Dice& dice) const {
  const std::size_t first = dice.below(names);
  const std::size_t count = 1 + (dice.chance(0.7) ? dice.below(names) : 0);
  Names drawn;
  for (std::size_t i = 0; i < count; ++i) drawn.push_back((first + i) % names);
  if (dice.chance(0.5)) std::reverse(drawn.begin(), drawn.end());
  return drawn;
}

std::string Scenario::describe() const {
  return fmt::format(
      "{} {}, {} addresses of {} servers, {} clients and {} foreign ones, ttl {} ms{}, node_timeout {}, "
      "latency {}, "
      "trouble {:.3f}, {} attempts, {} cycles, hold {}\nfaults: {}\n",
      names, slots ? "slots" : "names", nodes, servers, contenders, foreigners, ttl.count(),
      one_ttl ? "" : " and less", sim::describe(node_timeout), sim::describe(latency), trouble, attempts,
      cycles, sim::describe(hold), names_of(faults));
}

}  // namespace redlock::sim

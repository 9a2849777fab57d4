#include "whole/accidents.hpp"

#include "whole/competitor.hpp"
#include "whole/node_server.hpp"

#include <algorithm>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

struct Parts {
  Setting& setting;
  const std::vector<std::unique_ptr<NodeServer>>& nodes;
  const std::vector<Program*>& programs;
  const std::vector<std::unique_ptr<Competitor>>& competitors;

  NodeServer& any_node() const { return *nodes[setting.dice.below(nodes.size())]; }
  Program& any_program() const { return *programs[setting.dice.below(programs.size())]; }
  std::size_t any_address() const { return setting.dice.below(setting.scenario.nodes); }
  Duration up_to(double ttls) const {
    return setting.dice.between(Duration{}, times(Duration{setting.scenario.ttl}, ttls));
  }
};

std::uint64_t any_wall_clock(Dice& dice) {
  if (dice.chance(0.1)) return quorum::kMaxFence - dice.below(1'000'000);
  if (dice.chance(0.1)) return 0;
  return dice.below(4'000'000'000'000'000);  // up to the year 2096
}

// Other libraries do not look at uptimes: with them, a node that forgot everything must stay away for as long as the
// longest TTL ("Performance, crash recovery and fsync" of the Redis page).
void crash(const Parts& parts, bool forgets) {
  Setting& setting = parts.setting;
  const Duration ttl = setting.scenario.ttl;
  Duration down = setting.dice.between(setting.scenario.latency, setting.dice.chance(0.5) ? ttl / 10 : ttl);
  if (forgets && setting.scenario.foreigners > 0) down += ttl * 11 / 10;
  NodeServer& node = parts.any_node();
  // INFO counts in whole seconds: what starts just before one looks a second old soon after.
  Duration wait{};
  if (setting.dice.chance(0.5)) {
    const Duration just_before = setting.dice.between(Duration{}, setting.scenario.latency * 4);
    wait = std::max(node.until_full_second() - just_before - down, Duration{});
  }
  const bool silent = setting.dice.chance(0.3);
  setting.queue.plan(setting.queue.now() + wait,
                     [&node, down, forgets, silent] { node.crash(down, forgets, silent); });
}

// One program's way to a node is laid anew, to another one of those that the list names: DNS, a moved address, a balancer.
// Others may still reach the old one.
void move_address(const Parts& parts) {
  Setting& setting = parts.setting;
  const std::size_t address = parts.any_address();
  NodeServer& to = parts.any_node();
  // INFO tells uptimes to the second: of a server that is younger, nobody can say that it is not the former one,
  // restarted.
  if (to.uptime() < std::chrono::seconds{5}) return;
  if (setting.dice.chance(0.5)) return parts.any_program().lead_to(address, to);
  for (Program* program : parts.programs) program->lead_to(address, to);
}

void jump_clock(const Parts& parts) {
  const auto by = milliseconds{parts.up_to(4) / milliseconds{1}};
  parts.any_node().jump_clock(parts.setting.dice.chance(0.5) ? by : -by);
}

void delete_by_hand(const Parts& parts) {
  const std::size_t name = parts.setting.dice.below(parts.setting.scenario.names);
  if (parts.setting.dice.chance(0.5)) return parts.any_node().delete_key(name);
  for (const auto& node : parts.nodes) node->delete_key(name);
}

struct Accident {
  Fault fault;
  std::size_t most;
  void (*happens)(const Parts& parts);
};
constexpr std::array kAccidents{
    Accident{Fault::Crashes, 3, [](const Parts& parts) { crash(parts, false); }},
    Accident{Fault::Amnesia, 4, [](const Parts& parts) { crash(parts, true); }},
    Accident{Fault::NodePauses, 3, [](const Parts& parts) { parts.any_node().pause(parts.up_to(1.5)); }},
    Accident{Fault::NodePauses, 1,
             [](const Parts& parts) {  // as of a hypervisor, or a switch
               const Duration length = parts.up_to(1.5);
               for (const auto& node : parts.nodes) node->pause(length);
             }},
    Accident{Fault::Cuts, 4, [](const Parts& parts) { parts.any_program().cut(parts.any_address()); }},
    Accident{Fault::Cuts, 3,
             [](const Parts& parts) {  // as by a proxy that ends
               Program& program = parts.any_program();
               for (std::size_t address = 0; address < program.addresses(); ++address) program.cut(address);
             }},
    Accident{Fault::Outages, 4,
             [](const Parts& parts) {
               parts.any_program().hold_back(parts.any_address(),
                                             parts.setting.queue.now() + parts.up_to(2.5));
             }},
    Accident{Fault::Moves, 2, move_address},
    Accident{Fault::ClientPauses, 3,
             [](const Parts& parts) { parts.any_program().pause(parts.up_to(2.5), false); }},
    Accident{Fault::Suspends, 3, [](const Parts& parts) { parts.any_program().pause(parts.up_to(2), true); }},
    Accident{Fault::Deaths, 2, [](const Parts& parts) { parts.any_program().die(); }},
    Accident{Fault::Deaths, 2,
             [](const Parts& parts) {
               parts.competitors[parts.setting.dice.below(parts.competitors.size())]->interrupt();
             }},
    Accident{
        Fault::WallJumps, 4,
        [](const Parts& parts) { parts.any_program().jump_wall_clock(any_wall_clock(parts.setting.dice)); }},
    Accident{Fault::HandDeletes, 4, delete_by_hand},
    Accident{Fault::NodeJumps, 3, jump_clock},
};

}  // namespace

void plan_accidents(Setting& setting, const std::vector<std::unique_ptr<NodeServer>>& nodes,
                    const std::vector<Program*>& programs,
                    const std::vector<std::unique_ptr<Competitor>>& competitors) {
  const Parts parts{setting, nodes, programs, competitors};
  const Duration span = setting.scenario.spread + Duration{setting.scenario.ttl} * 3;
  for (const Accident& accident : kAccidents) {
    if (!has(setting.scenario.faults, accident.fault)) continue;
    const std::size_t count = 1 + setting.dice.below(accident.most);
    for (std::size_t i = 0; i < count; ++i) {
      setting.queue.plan(Instant{setting.dice.between(Duration{}, span)},
                         [parts, &accident] { accident.happens(parts); });
    }
  }
}

}  // namespace redlock::sim

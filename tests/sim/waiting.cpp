#include "waiting.hpp"

#include "waiting/world.hpp"

#include <fmt/format.h>

namespace redlock::sim {

std::string tell_waiting(std::uint64_t seed, const WaitingWorlds& worlds) {
  std::string trace;
  waiting::World world{seed, worlds, &trace};
  const auto violation = world.run();
  return trace + (violation ? "violation: " + *violation : "no violation") + "\n";
}

int run_waiting(const WaitingRun& run) {
  std::uint64_t events = 0;
  for (std::uint64_t number = 0; number < run.schedules; ++number) {
    const std::uint64_t seed = mix(run.seed) + number;
    waiting::World world{seed, run.worlds, nullptr};
    const auto violation = world.run();
    events += world.queue.executed();
    if (!violation) continue;
    if (run.expect_violation) {
      fmt::print("caught in schedule {}: {}\n", number + 1, *violation);
      return 0;
    }
    fmt::print("{}tell it again: redlock-sim --waiting --replay {}\n", tell_waiting(seed, run.worlds), seed);
    return 1;
  }
  fmt::print("{} schedules of waiting clients, seed {}: {:.1f} events each{}\n", run.schedules, run.seed,
             static_cast<double>(events) / static_cast<double>(run.schedules),
             run.expect_violation ? "; NOT caught" : "");
  return run.expect_violation ? 1 : 0;
}

}  // namespace redlock::sim

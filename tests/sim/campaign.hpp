#pragma once

#include "world.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace redlock::sim {

// Many schedules. Schedule number i has the same seed and number of nodes whatever runs beside it.
struct Campaign {
  std::uint64_t seed = 1;
  std::uint64_t schedules = 100'000;
  std::vector<std::size_t> nodes{3, 5};  // in turn
  unsigned threads = 1;
  Request each;                                                   // but for seed and nodes
  Result (*run)(const Request&, std::string* trace) = run_world;  // or run_whole_world
};

struct Tally {
  std::uint64_t schedules = 0;
  std::uint64_t events = 0;
  std::uint64_t grants = 0;
  unsigned most_rounds = 0;
  unsigned most_rounds_to_win = 0;
  Duration longest_attempt{};
};

struct Finding {
  std::uint64_t number;  // of the schedule
  Request request;
  std::string violation;
};

struct Report {
  Tally tally;
  std::chrono::duration<double> elapsed{};
  std::optional<Finding> finding;  // the first by its number; schedules behind it may not have been run
};

Request nth(const Campaign& campaign, std::uint64_t number);
Report run_campaign(const Campaign& campaign);

}  // namespace redlock::sim

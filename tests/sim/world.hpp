#pragma once

#include "contender.hpp"
#include "foreigner.hpp"
#include "hand.hpp"
#include "referee.hpp"
#include "scenario.hpp"
#include "server.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace redlock::sim {

// What came of one schedule.
struct Result {
  std::optional<std::string> violation;
  std::uint64_t events = 0;
  std::size_t grants = 0;
  unsigned most_rounds = 0;  // of one attempt
  unsigned most_rounds_to_win = 0;
  Duration longest_attempt{};
};

// One world from its seed to its end. The same request gives the same history. With `trace`, tells it there.
Result run_world(const Request& request, std::string* trace = nullptr);

}  // namespace redlock::sim

#pragma once

#include "campaign.hpp"
#include "waiting.hpp"

#include <optional>
#include <string>

namespace redlock::sim {

struct Options {
  Campaign campaign;
  std::optional<std::uint64_t> replay;  // the seed of one schedule, to be told in full
  bool expect_violation = false;        // of a mutant: finding none is the failure
  std::uint64_t stampedes = 0;          // rounds of each kind; 0: schedules instead
  bool waiting = false;                 // schedules of clients that wait
  WaitingWorlds worlds{};               // of these
};

struct BadUsage {
  std::string why;
};

extern const char* const kUsage;

// Throws BadUsage.
Options parse_options(int argc, char** argv);

}  // namespace redlock::sim

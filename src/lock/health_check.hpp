#pragma once

#include "lock/inspector.hpp"
#include "redis/server_report.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace redlock::lock {

// What a node says about itself.
struct NodeReport {
  TimePoint asked{};
  std::optional<quorum::Failure> failure{};  // why it gave no answer at all; then nothing below is known
  quorum::VoteEligibility eligibility{};
  bool anonymous = false;                       // its ACL forbids INFO or ROLE
  std::optional<redis::ServerReport> server{};  // none: not permitted to ask, as below
  std::optional<std::string> appendfsync{};
  std::optional<std::string> save{};                       // when it writes a snapshot; empty: never
  std::optional<quorum::Failure> refusal{};                // why a lock could not be written there just now
  std::optional<Duration> round_trip{};                    // on a connection that is open
  std::optional<std::chrono::microseconds> clock_ahead{};  // of ours, to half a round trip
};

// Asks every node about itself: two round trips, node_timeout each at the most.
std::vector<NodeReport> check_nodes(Inspector& inspector);

}  // namespace redlock::lock

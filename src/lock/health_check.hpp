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
  bool several_servers = false;                 // one connection leads to this server, and one to that
  std::optional<redis::ServerReport> server{};  // none: not permitted to ask, as below
  std::optional<std::string> appendfsync{};
  std::optional<std::string> save{};                       // when it writes a snapshot; empty: never
  std::optional<quorum::Failure> refusal{};                // why a lock could not be written there just now
  bool untried = false;                                    // the keys of the trial are forbidden
  std::optional<quorum::Failure> unheard{};                // why it does not wake waiting clients
  std::optional<Duration> round_trip{};                    // on a connection that is open
  std::optional<std::chrono::microseconds> clock_ahead{};  // of ours, to half a round trip
};

// Asks every node about itself: two round trips, node_timeout each at the most.
std::vector<NodeReport> check_nodes(Inspector& inspector);

// Opens more connections, those of `other`, to the nodes that have answered, which are of no further use. Notes in the reports
// which addresses lead to several servers, and which nodes do not let us subscribe.
void compare_servers(const Inspector& inspector, Inspector& other, std::vector<NodeReport>& reports);

}  // namespace redlock::lock

#pragma once

#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"
#include "redis/nodes.hpp"

#include <optional>
#include <string>
#include <vector>

namespace redlock::lock {

// What each node said, in words that a person can act on, one entry a node: "redis://10.0.0.1:6379/0:
// connection refused: is redis-server running there?". With `only_troubled`, only those that kept a vote from
// counting.
std::vector<std::string> report_votes(const quorum::NodeVotes& votes, const quorum::Membership& membership,
                                      const redis::Nodes& nodes, bool only_troubled);

// Why a node that answers has no vote: "is a replica, which has no vote: name its master instead"; empty when it has one.
std::string describe_eligibility(quorum::NodeIndex node, TimePoint sent,
                                 const quorum::Membership& membership);
// The same of what came of requests other than an acquisition's: for nodes that failed, or had no vote at `asked`.
std::vector<std::string> report_troubles(const std::vector<std::optional<quorum::Failure>>& failures,
                                         TimePoint asked, const quorum::Membership& membership,
                                         const redis::Nodes& nodes);

// "carol@web3 (pid 812, ./backup.sh), since 3m": escaped, without the token. "another program (it says
// nothing about itself)" for a foreign Redlock library. `now_us` is the wall clock in microseconds.
std::string describe_holder(const quorum::HolderInfo& info, std::uint64_t now_us);

}  // namespace redlock::lock

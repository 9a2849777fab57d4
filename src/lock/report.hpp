#pragma once

#include "lock/driver.hpp"
#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"

#include <string>
#include <vector>

// The words in which messages tell of nodes and holders.
namespace redlock::lock {

// Why nodes had no vote that counted, one line for each such node: "redis://10.0.0.1:6379/0: connection refused: is
// redis-server running there?". Of an acquisition; and of any other request, asked at `asked`.
std::vector<std::string> report_votes(const quorum::NodeVotes& votes, const Driver& driver);
std::vector<std::string> report_troubles(const Driver& driver, TimePoint asked);

// Why a node that answers has no vote: "is a replica, which has no vote: name its master instead"; empty when it has one.
std::string describe_eligibility(quorum::NodeIndex node, TimePoint sent,
                                 const quorum::Membership& membership);

// "carol@web3 (pid 812, backup.sh) since 3m": escaped, without the token. "another program, which does not say who it is"
// for another Redlock library. `now_us` is the wall clock in microseconds.
std::string describe_holder(const quorum::HolderInfo& info, std::uint64_t now_us);

}  // namespace redlock::lock

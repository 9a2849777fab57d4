#pragma once

#include "lock/driver.hpp"
#include "quorum/membership.hpp"
#include "quorum/node_vote.hpp"

#include <string>
#include <string_view>
#include <vector>

// The words in which messages tell of nodes and holders.
namespace redlock::lock {

// Why nodes had no vote that counted, one line for each such node: "redis://10.0.0.1:6379/0: connection refused: is
// redis-server running there?". Of an acquisition; and of any other request, asked at `asked`.
std::vector<std::string> report_votes(const quorum::NodeVotes& votes, const Driver& driver);
std::vector<std::string> report_troubles(const Driver& driver, TimePoint asked);

// Of a node that has a vote although it does not say what it is.
inline constexpr std::string_view kWithoutIdentity =
    "INFO or ROLE is forbidden or renamed: cannot tell whether it restarted lately, is part of a cluster or "
    "the same server as another node. Permit both to redlock's user, under these names";

// Somebody else who has votes, of one name or slot, and the nodes that say so.
struct ShownHolder {
  quorum::Refused refused;  // as the first of them says it
  bool of_slot = false;     // `refused.name` is the number of a slot
  std::vector<std::string> nodes;
};
std::vector<ShownHolder> report_holders(const quorum::NodeVotes& votes, const Driver& driver);

// Why a node that answers has no vote: "is a replica, which has no vote: name its master instead"; empty when it has one.
std::string describe_eligibility(quorum::NodeIndex node, TimePoint sent,
                                 const quorum::Membership& membership);

// "carol@web3 (pid 812, backup.sh) since 3m, note 'TICKET-7'": escaped, without the token. "another program, which does not say who it is"
// for another Redlock library. `now_us` is the wall clock in microseconds.
std::string describe_holder(const quorum::HolderInfo& info, std::uint64_t now_us);

}  // namespace redlock::lock

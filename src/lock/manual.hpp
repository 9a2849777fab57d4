#pragma once

#include "lock/driver.hpp"
#include "quorum/extend_op.hpp"
#include "quorum/release_op.hpp"

#include <string>
#include <vector>

// What can be done, once, about a lock that another process acquired.
namespace redlock::lock {

struct ManualExtension {
  quorum::ExtendVerdict verdict;
  std::vector<std::string> troubles;  // without a quorum: see report_troubles()
};
ManualExtension extend_by_hand(Driver& driver, const quorum::Token& token, std::chrono::milliseconds ttl);

struct ManualRelease {
  quorum::ReleaseResult result;
  quorum::HolderInfo other;           // with Result::Others
  std::size_t removed;                // on so many nodes the token was still there
  std::vector<std::string> troubles;  // without a quorum: see report_troubles()
};
// `release` leaves a note for a process that may be extending the lease (quorum::ReleaseRequest), for as long as the lock is
// expected to be held.
ManualRelease release_by_hand(Driver& driver, const quorum::ReleaseRequest& release);
// Several at once, in one round trip: the outcome of each, in their order.
std::vector<ManualRelease> release_by_hand(Driver& driver,
                                           const std::vector<quorum::ReleaseRequest>& releases);

}  // namespace redlock::lock

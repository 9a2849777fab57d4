#pragma once

#include "lock/inspector.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace redlock::lock {

// A lock that some node knows.
struct FoundLock {
  std::string name;  // without the prefix; any bytes
  LockStatus status;
};

struct Findings {
  std::vector<FoundLock> locks;  // in the order of their names; none that turned out to be free
  std::vector<std::optional<quorum::Failure>>
      troubles;  // why a node could not be searched to its end; one a node
  TimePoint asked;
};

// All locks of redlock on the nodes whose names match `glob`, as Redis understands globs, and whose keys begin with
// `prefix`. They are found by the info about their holders, with SCAN and in small steps, between which a server with many
// other keys goes on serving. Locks that only other libraries hold are plain keys of any name, and are not found.
Findings find_locks(Inspector& inspector, const std::string& prefix, const std::string& glob);

// The numbers of the slots of this lock that a node shows as taken. One round trip, without nodes that hung before.
std::set<quorum::Slot> find_taken_slots(Inspector& inspector, const std::string& key);

}  // namespace redlock::lock

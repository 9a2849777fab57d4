#pragma once

#include "cli/status_view.hpp"
#include "config/settings.hpp"
#include "lock/inspector.hpp"
#include "lock/search.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

// Shared by the commands that inspect locks and nodes.
namespace redlock::cli {

// Locks and their settings.
struct LockNames {
  std::vector<std::string> names;
  std::vector<std::string> keys;     // on the nodes
  std::vector<std::size_t> slots{};  // of each; 0: it has none
  std::string slots_from{};          // where those of the first that has any are set
  config::Settings settings;         // with the longest quarantine and node timeout that any of the locks has
};
LockNames load_names(const config::Flags& flags, const std::vector<std::string>& names);
// Of a lock that may have several names. The settings are those of the name with the longest TTL, and of rests those of the
// name with the longest. Throws UsageError for names that make no lock.
LockNames load_lock(const config::Flags& flags, const std::vector<std::string>& names);

// `keys`: of the locks to break, if any.
lock::Inspector open_inspector(const config::Settings& settings, std::vector<std::string> keys = {});

// Asks the nodes about all of the locks, each slot by itself. Returns nothing if a descriptor of `wake_fds` became readable before the end.
// Throws ConfigError if two nodes are one server.
std::optional<std::vector<StatusView>> inspect_locks(lock::Inspector& inspector, const LockNames& locks,
                                                     std::span<const int> wake_fds = {});

// "'api#1', 'api#2' and 3 more": the slots that are taken of a free lock without slots. To name the lock without --slots is
// easily done. Empty: none.
std::string taken_slots_of(lock::Inspector& inspector, const std::string& name, const std::string& key);

// Throws ConfigError if two nodes are one server, whose vote would count twice.
void refuse_duplicates(const lock::Inspector& inspector);

// Logs which nodes could not be searched, or have no vote, and why: a lock that none of these shows may be held. Returns
// whether the others are a quorum.
bool report_search(const lock::Findings& findings, const lock::Inspector& inspector);

// The width of lines on standard output.
std::size_t output_width();

}  // namespace redlock::cli

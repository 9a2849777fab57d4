#pragma once

#include "cli/status_view.hpp"
#include "config/settings.hpp"
#include "lock/inspector.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

// Shared by the commands that inspect locks and nodes.
namespace redlock::cli {

// Locks and their settings.
struct LockNames {
  std::vector<std::string> names;
  std::vector<std::string> keys;  // on the nodes
  config::Settings settings;      // with the longest quarantine and node timeout that any of the locks has
};
LockNames load_names(const config::Flags& flags, const std::vector<std::string>& names);

// `key`: the lock to break, if any.
lock::Inspector open_inspector(const config::Settings& settings, std::string key = {});

// Asks the nodes about all of the locks. Returns nothing if a descriptor of `wake_fds` became readable before the end.
// Throws ConfigError if two nodes are one server.
std::optional<std::vector<StatusView>> inspect_locks(lock::Inspector& inspector, const LockNames& locks,
                                                     std::span<const int> wake_fds = {});

// Throws ConfigError if two nodes are one server, whose vote would count twice.
void refuse_duplicates(const lock::Inspector& inspector);

// The width of lines on standard output.
std::size_t output_width();

}  // namespace redlock::cli

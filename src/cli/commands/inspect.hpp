#pragma once

#include "cli/status_view.hpp"
#include "config/settings.hpp"
#include "lock/onlooker.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

// What the commands share that only look.
namespace redlock::cli {

// The locks that were named, with the settings of each.
struct LockNames {
  std::vector<std::string> names;
  std::vector<std::string> keys;  // on the nodes
  config::Settings
      settings;  // of the nodes; and the longest quarantine and patience that any of the locks has
};
LockNames load_names(const config::Flags& flags, const std::vector<std::string>& names);

// `key`: of the lock that may be broken.
lock::Onlooker open_inspector(const config::Settings& settings, std::string key = {});

// One look at all of them. Nothing when a descriptor of `wake_fds` was readable before it was over. Throws ConfigError
// when two nodes are one server.
std::optional<std::vector<StatusView>> inspect_locks(lock::Onlooker& inspector, const LockNames& locks,
                                                     std::span<const int> wake_fds = {});

// Throws ConfigError when two nodes are one server, whose word would count twice.
void refuse_duplicates(const lock::Onlooker& inspector);

// How wide lines on standard output may be.
std::size_t output_width();

}  // namespace redlock::cli

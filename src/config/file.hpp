#pragma once

#include "config/nodes.hpp"
#include "config/source.hpp"

#include <optional>
#include <string>
#include <vector>

namespace redlock::config {

// The part of a configuration file that concerns one lock.
struct File {
  std::string path;
  Source lock;      // [lock."NAME"]
  Source defaults;  // [defaults]
  NodeSettings for_all;
  std::vector<NodeEntry> nodes;
};

// Reads the whole file, including the tables of other locks, so that a mistake shows at once. Warns if the file holds a
// password and is readable by everybody. Does not fetch passwords that are stored elsewhere. Throws ConfigError with
// file:line:column for invalid TOML, unknown keys, wrong types and values out of range.
File load_file(const std::string& path, const std::string& lock_name);

}  // namespace redlock::config

#pragma once

#include "config/nodes.hpp"
#include "config/source.hpp"

#include <optional>
#include <string>
#include <vector>

namespace redlock::config {

// What a configuration file says, as far as it concerns one lock.
struct File {
  Source lock;      // [lock."NAME"]
  Source defaults;  // [defaults]
  NodeSettings for_all;
  std::vector<NodeEntry> nodes;
};

// Reads all of the file, the tables of other locks too, so that a mistake shows at once. Warns when it holds
// a password and everybody may read it. Passwords that are elsewhere are not fetched. Throws ConfigError,
// with file:line:column, for what is not valid TOML, not known, of a wrong type or out of range.
File load_file(const std::string& path, const std::string& lock_name);

}  // namespace redlock::config

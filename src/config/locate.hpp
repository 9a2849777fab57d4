#pragma once

#include <optional>
#include <string>

namespace redlock::config {

// The configuration file to read: the first of `from_flag`, $REDLOCK_CONFIG,
// $XDG_CONFIG_HOME/redlock/config.toml
// (~/.config/redlock/config.toml), /etc/redlock/config.toml. One that was named need not exist; of the others
// the first that exists, or nothing.
std::optional<std::string> locate_file(const std::optional<std::string>& from_flag);

}  // namespace redlock::config

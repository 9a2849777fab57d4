#pragma once

#include <optional>
#include <string>

namespace redlock::config {

// The configuration file to read: `from_flag`, else $REDLOCK_CONFIG, else the first that exists of
// $XDG_CONFIG_HOME/redlock/config.toml (~/.config/redlock/config.toml) and /etc/redlock/config.toml, if any.
std::optional<std::string> locate_file(const std::optional<std::string>& from_flag);

}  // namespace redlock::config

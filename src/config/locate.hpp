#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::config {

struct FileLocation {
  std::string path;
  std::string_view
      variable{};  // that says where the user's home is: XDG_CONFIG_HOME or HOME; empty: named, or in /etc
};

// The files in which a configuration is looked for that nobody named: $XDG_CONFIG_HOME/redlock/config.toml
// (~/.config/redlock/config.toml) and /etc/redlock/config.toml.
std::vector<FileLocation> usual_files();

// A file in a folder that may not be searched counts as existing, so that reading it fails with a message: a host that
// overlooked its configuration would lock on other nodes than the rest.
bool file_exists(const std::string& path);

// The configuration file to read: `from_flag`, else $REDLOCK_CONFIG, else the first of usual_files() that exists, if any.
std::optional<FileLocation> locate_file(const std::optional<std::string>& from_flag);

}  // namespace redlock::config

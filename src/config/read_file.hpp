#pragma once

#include "base/secret.hpp"

#include <optional>
#include <string>

namespace redlock::config {

struct FileContent {
  Secret text;  // a configuration may hold passwords
  bool world_readable = false;
};

struct ReadResult {
  std::optional<FileContent> content;
  std::string error;  // why there is none, for a person
};

// Reads a file, a pipe or /dev/null to its end, up to 1 MiB. Waits for what a pipe brings, but not long for somebody who
// writes into a named pipe.
ReadResult read_file(const std::string& path);

}  // namespace redlock::config

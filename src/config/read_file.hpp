#pragma once

#include "base/secret.hpp"

#include <optional>
#include <string>

namespace redlock::config {

struct FileContent {
  Secret text;  // a configuration may hold passwords
  bool world_readable = false;
};

// Reads a file, a pipe or /dev/null to its end. On failure: the errno value, and EFBIG beyond 1 MiB.
struct ReadResult {
  std::optional<FileContent> content;
  int error = 0;
};
ReadResult read_file(const std::string& path);

}  // namespace redlock::config

#pragma once

#include <string>
#include <string_view>

namespace redlock::config {

// Where a value was given, as a message names it, and so whose mistake a bad one is.
struct Place {
  enum class Source { Flag, Environment, File };

  Source source = Source::File;
  std::string text;  // "--ttl", "REDLOCK_TTL", "redlock.toml:3:7: ttl"; printable
};

// Throws "PLACE: PROBLEM": a UsageError for a flag, else a ConfigError. `problem` says what is wrong and what
// would be right, and holds no secret.
[[noreturn]] void fail(const Place& place, std::string_view problem);

}  // namespace redlock::config

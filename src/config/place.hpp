#pragma once

#include <string>
#include <string_view>

namespace redlock::config {

// The place of a value, for messages. Its origin decides which kind of error a bad value is.
struct Place {
  enum class Origin { Flag, Environment, File };

  Origin origin = Origin::File;
  std::string text;  // "--ttl", "REDLOCK_TTL", "redlock.toml:3:7: ttl"; printable
};

// Throws "PLACE: PROBLEM": a UsageError for a flag, else a ConfigError. `problem` says what is wrong and what would be
// right, and contains no secret.
[[noreturn]] void fail(const Place& place, std::string_view problem);

}  // namespace redlock::config

#pragma once

#include "quorum/types.hpp"
#include "redis/wire.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// Facts about a server beyond its identity (session_setup.hpp), for its administrator.
namespace redlock::redis {

// Untrusted text, short.
struct ServerReport {
  std::string product;  // "Redis", "Valkey", "KeyDB", "Dragonfly"
  std::string version;
  std::string role;
  std::chrono::seconds uptime{};  // negative: its clock was set back behind its start
  bool aof = false;
  bool saved = true;            // the last attempt to write to its disk succeeded
  std::uint64_t maxmemory = 0;  // bytes; 0: no limit
  std::string maxmemory_policy{};

  // Whether it drops keys that have a TTL, as locks have, when its memory is full.
  bool may_evict_locks() const;
};
std::vector<std::string> report_words();
std::variant<ServerReport, quorum::Failure> decode_report(const Value& answer);

std::vector<std::string> config_words(std::string_view parameter);
std::variant<std::string, quorum::Failure> decode_config(Value answer);

// The server's wall clock, microseconds since 1970.
std::vector<std::string> time_words();
std::variant<std::uint64_t, quorum::Failure> decode_time(const Value& answer);

// A write that changes nothing, since it is for a key that does not exist, and nobody creates it: fails as that of a
// lock would (no memory left, replica, disk full, no EVAL for this user).
std::vector<std::string> trial_words();

}  // namespace redlock::redis

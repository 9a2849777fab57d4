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
  std::string product;  // "Redis", "Valkey", ... (info.hpp)
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

// A script that leaves nothing behind, and fails as that of a lock would: no memory left, a replica, a full disk, a command
// that this user may not use. Its keys are in different slots of a cluster.
std::vector<std::string> trial_words();
// The same of what waiting clients need.
std::vector<std::string> queue_trial_words();
// Why one of them failed; nothing: it would not.
std::optional<quorum::Failure> decode_trial(const Value& answer);

// More that waiting clients need (subscription.hpp), without effect on a connection that is closed behind them.
std::vector<std::string> client_id_words();
std::vector<std::string> tracking_words();
std::vector<std::string> subscribe_words();

// The features that need Redis 6.0: below it waiting clients must poll, and nothing can list the locks. No version: not
// old.
bool is_too_old(const ServerReport& report);

}  // namespace redlock::redis

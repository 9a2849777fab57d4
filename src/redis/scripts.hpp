#pragma once

#include "base/secret.hpp"
#include "quorum/types.hpp"
#include "redis/keys.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

// The requests of the algorithm as Lua scripts, one EVAL each; answers.hpp reads what comes back. Each
// script is atomic on its node and names its keys through KEYS only. They keep to what Redis 6.0, Redis 7 and
// Valkey share.
namespace redlock::redis {

// Counters of fences live this long past the last grant or extension: longer than any lock is left alone.
inline constexpr std::chrono::hours kFenceLife{30 * 24};

// Texts about the holder are cut to this many bytes before they are written to a node.
inline constexpr std::size_t kMaxInfoText = 1024;

// Which request a reply belongs to.
enum class RequestKind { Acquire, Confirm, Extend, Release };
RequestKind kind_of(const quorum::Request& request);

// Writes requests for one lock.
class Scripts {
 public:
  Scripts(const std::string& key, quorum::HolderInfo holder);

  // For database `db`, which each script selects itself: a refused SELECT of the connection cannot make it run in
  // another one. SELECT in a script changes nothing outside of it.
  Secret encode(const quorum::Request& request, unsigned db) const;

 private:
  LockKeys keys_;
  quorum::HolderInfo holder_;
};

// KEYS: lock, info, queue. ARGV: a waiter's name. Changes nothing, and tells what an acquire that is refused would:
// redis/queue.hpp reads it.
const std::string& queue_state_script();

// What the line of a request's script calls, for servers that refuse a command in a script without naming it:
// "HSET"; empty when it calls nothing. Lines count from 1.
std::string_view command_in_script(RequestKind kind, std::size_t line);

}  // namespace redlock::redis

#pragma once

#include "base/secret.hpp"
#include "quorum/types.hpp"
#include "redis/keys.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The requests of the algorithm as Lua scripts, one EVAL each; answers.hpp reads what comes back. Each
// script is atomic on its node and names its keys through KEYS only. They keep to what Redis 6.0, Redis 7 and
// Valkey share.
namespace redlock::redis {

// Counters of fences live this long past the last grant or extension: longer than any lock is left alone.
inline constexpr std::chrono::hours kFenceLife{30 * 24};

// Texts about the holder are cut to this many bytes before they are written to a node.
inline constexpr std::size_t kMaxInfoText = 1024;

// Which request a reply belongs to.
// A Rest is a release that leaves the key behind.
enum class RequestKind { Acquire, Confirm, Extend, Release, Probe, Rest, AcquireSlot, ProbeSlots };
RequestKind kind_of(const quorum::Request& request);

// Writes requests for one lock, which may have several names: then each request is about all of them. Or slots: then each is
// about one, and tells of all.
class Scripts {
 public:
  Scripts(std::vector<LockKeys> keys, quorum::HolderInfo holder);

  // For database `db`, which each script selects itself: a refused SELECT of the connection cannot make it run in
  // another one. SELECT in a script changes nothing outside of it.
  Secret encode(const quorum::Request& request, unsigned db) const;

  const std::vector<LockKeys>& keys() const { return keys_; }

 private:
  Secret encode_rest(const quorum::ReleaseRequest& release, unsigned db) const;
  std::span<const LockKeys> of_slot(quorum::Slot slot) const;  // 0: all

  std::vector<LockKeys> keys_;
  quorum::HolderInfo holder_;
};

// KEYS, for each name: lock, info, queue, bar. ARGV: a token, or nothing; a waiter's name. Changes nothing, and tells what a
// ProbeRequest would: redis/queue.hpp reads it.
const std::string& probe_script();
// The same of slots. KEYS: keys_of_slots().
const std::string& probe_slots_script();
// The KEYS of requests of slots: lock, info, queue and bar of one of them; lock and info of each.
std::vector<std::string_view> keys_of_slots(std::span<const LockKeys> slots, const LockKeys& one);
// KEYS, for each name: queue, bar. ARGV: the name of the waiter that leaves the queues.
const std::string& leave_script();

// What the line of a request's script calls, for servers that refuse a command in a script without naming it:
// "HSET"; empty when it calls nothing. Lines count from 1.
std::string_view command_in_script(RequestKind kind, std::size_t line);

}  // namespace redlock::redis

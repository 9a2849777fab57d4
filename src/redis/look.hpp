#pragma once

#include "quorum/types.hpp"
#include "redis/keys.hpp"
#include "redis/wire.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

// Looking at locks without touching them: the words of the questions, and what comes back.
namespace redlock::redis {

// The view of a lock that a node gives to a client that does not contend for it.
struct NodeLockState {
  std::optional<quorum::Token> holder{};    // none: the key is absent
  std::chrono::milliseconds remaining;      // of the key; negative: it has no TTL
  quorum::HolderInfo info{};                // of this holder: empty when what is written down is another's
  std::chrono::milliseconds holder_ttl{};   // likewise; 0: unknown
  quorum::Fence counter{};                  // 0: none, or none that redlock wrote
  std::uint64_t waiting{};                  // how many stand in the queue
  std::optional<quorum::Token> kept_for{};  // where the key is absent: the name of the waiter that bars it
};

// One script: who holds the lock on this node, for how long, with which counter, and how many wait for it.
std::vector<std::string> look_words(const LockKeys& keys);
std::variant<NodeLockState, quorum::Failure> decode_look(Value answer);

// One script: which of the greatest number of slots that a lock can have are taken, whatever their number is said to be. The
// answer is that to a quorum::ProbeRequest.
std::vector<std::string> look_for_slots_words(const std::string& key);
std::variant<quorum::Reply, quorum::Failure> decode_look_for_slots(Value answer);

// How many keys a node looks at in one call of SCAN. So many take well under a millisecond, and no call holds up what
// else the server does for longer.
inline constexpr unsigned kScanCount = 1000;

// One step of the search for locks whose keys are `prefix` and something that matches `glob`, as Redis understands
// globs. It begins and ends with the cursor "0".
std::vector<std::string> scan_words(std::string_view cursor, std::string_view prefix, std::string_view glob);

struct ScanStep {
  std::string cursor;
  std::vector<std::string> keys;  // of locks, with their prefix; the same may come more than once
};
std::variant<ScanStep, quorum::Failure> decode_scan(Value answer);

}  // namespace redlock::redis

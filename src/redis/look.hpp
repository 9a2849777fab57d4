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

// One script: who holds the lock on this node, for how long, with which counter, and how many wait for it.
std::vector<std::string> look_words(const LockKeys& keys);
std::variant<quorum::NodeLockState, quorum::Failure> decode_look(Value answer);

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

#pragma once

#include "quorum/types.hpp"
#include "redis/keys.hpp"
#include "redis/wire.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

// What those who wait ask beside the algorithm, as words for Nodes::ask().
namespace redlock::redis {

// A waiter that has not been heard of for so long has no place in the line any more. Long, because to renew it costs
// commands, and short enough for those who count the line; who is dead at its head is passed over before.
inline constexpr std::chrono::minutes kPlaceLife{5};

// A waiter's name in the lines of the nodes: the names sort as the waiters began.
std::string name_in_line(const quorum::Waiter& waiter);

// Gives up the place.
std::vector<std::string> leave_words(const LockKeys& keys, const quorum::Waiter& waiter);

// How long the lock's key has left; one command.
std::vector<std::string> remaining_words(const LockKeys& keys);
// `answer` is an integer. None: the key is absent; negative: it has no TTL.
std::optional<std::chrono::milliseconds> decode_remaining(const Value& answer);

}  // namespace redlock::redis

#pragma once

#include "quorum/types.hpp"
#include "redis/keys.hpp"
#include "redis/wire.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// What those who wait ask beside the algorithm, as words for Nodes::ask().
namespace redlock::redis {

// A waiter that has not been heard of for so long has no place in the line any more. Long, because to renew it costs
// commands, and short enough for those who count the line; who is dead at its head is passed over before.
inline constexpr std::chrono::minutes kPlaceLife{5};

// A waiter's name in the lines of the nodes: the names sort as the waiters began.
std::string name_in_line(const quorum::Waiter& waiter);

// The channel on which a node calls a waiter when somebody who waited was granted the lock, and fewer than kCalled go
// before this one now. The message is their number.
inline constexpr std::string_view kTurn = "redlock.turn:";
inline constexpr unsigned kCalled = 2;
std::string calls_to(const quorum::Waiter& waiter);
// What cannot be is no call.
std::optional<unsigned> decode_call(std::string_view message);

// What a node says of it: so many go first, so many are in the line. What cannot be is no place.
std::optional<quorum::QueuePosition> position_in_queue(long long ahead, long long waiting);

// Gives up the place.
std::vector<std::string> leave_words(const LockKeys& keys, const quorum::Waiter& waiter);

// The looks of a quorum::Vigil, and what their answers say; nothing: it is no such answer.
std::vector<std::string> look_words(quorum::Look what, const LockKeys& keys, const quorum::Waiter& waiter);
struct Holder {
  std::optional<quorum::Token> token;
};
struct Remaining {
  std::optional<std::chrono::milliseconds> time;
};
using Seen = std::variant<std::monostate, Holder, Remaining, quorum::Outlook>;
Seen decode_seen(quorum::Look what, const Value& answer);

}  // namespace redlock::redis

#pragma once

#include "quorum/types.hpp"
#include "redis/event.hpp"
#include "redis/keys.hpp"
#include "redis/wire.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// The queue of waiters on a node, and the questions of a quorum::Waiter as words for Nodes::ask().
namespace redlock::redis {

// A waiter that has not been heard of for so long loses its position. Long, because to renew it costs commands, and short
// enough for those who count the queue; a dead waiter at its head is passed over before.
inline constexpr std::chrono::minutes kPositionLife{5};

// A waiter's name in the queues of the nodes: the names sort as the waiters began.
std::string name_in_queue(const quorum::QueueEntry& entry);

// The channel of a waiter. When another one is granted the lock, or leaves, and fewer than kCalled go before this one now,
// the node publishes their number there: "0" after a grant, "left 0" otherwise.
inline constexpr std::string_view kChannelPrefix = "redlock.turn:";
inline constexpr unsigned kCalled = 2;
std::string channel_of(const quorum::QueueEntry& entry);
// Nothing for a message that no node sends.
std::optional<Called> decode_call(std::string_view message);

// What a node says of it: so many go first, so many are in the queue. Nothing for what cannot be.
std::optional<quorum::QueuePosition> position_in_queue(long long ahead, long long waiting);

// Leaves the queues of all names, and calls the next two where they move up by that.
std::vector<std::string> leave_words(std::span<const LockKeys> names, const quorum::QueueEntry& entry);

// Probe::Holder is for a lock of one name.
std::vector<std::string> probe_words(quorum::Probe what, std::span<const LockKeys> names,
                                     const quorum::QueueEntry& entry);
// What was found; std::monostate for an answer to something else.
struct FoundHolder {
  std::optional<quorum::Token> token;
};
using Found = std::variant<std::monostate, FoundHolder, quorum::QueueState>;
Found decode_probe(quorum::Probe what, Value answer, bool slots = false);

}  // namespace redlock::redis

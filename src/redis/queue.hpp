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

// The queue of waiters on a node, and the questions of a quorum::Waiter as words for Nodes::ask().
namespace redlock::redis {

// A waiter that has not been heard of for so long loses its position. Long, because to renew it costs commands, and short
// enough for those who count the queue; a dead waiter at its head is passed over before.
inline constexpr std::chrono::minutes kPositionLife{5};

// A waiter's name in the queues of the nodes: the names sort as the waiters began.
std::string name_in_queue(const quorum::QueueEntry& entry);

// The channel of a waiter. When another waiter is granted the lock, and fewer than kCalled go before this one now, the node
// publishes their number there.
inline constexpr std::string_view kChannelPrefix = "redlock.turn:";
inline constexpr unsigned kCalled = 2;
std::string channel_of(const quorum::QueueEntry& entry);
// Nothing for a message that no node sends.
std::optional<unsigned> decode_call(std::string_view message);

// What a node says of it: so many go first, so many are in the queue. Nothing for what cannot be.
std::optional<quorum::QueuePosition> position_in_queue(long long ahead, long long waiting);

// Leaves the queue.
std::vector<std::string> leave_words(const LockKeys& keys, const quorum::QueueEntry& entry);

std::vector<std::string> probe_words(quorum::Probe what, const LockKeys& keys,
                                     const quorum::QueueEntry& entry);
// What was found; std::monostate for an answer to something else.
struct FoundHolder {
  std::optional<quorum::Token> token;
};
using Found = std::variant<std::monostate, FoundHolder, quorum::QueueState>;
Found decode_probe(quorum::Probe what, Value answer);

}  // namespace redlock::redis

#include "redis/line.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::redis {
namespace {

constexpr long long kAbsent = -2;  // PTTL, since Redis 2.8

// So long that it makes no difference, and short enough to count in nanoseconds.
constexpr std::chrono::milliseconds kGreatestRemaining = std::chrono::hours{24 * 365 * 100};

}  // namespace

std::string name_in_line(const quorum::Waiter& waiter) {
  return fmt::format("{:016}-{:016x}", waiter.began_us, waiter.number);
}

std::vector<std::string> leave_words(const LockKeys& keys, const quorum::Waiter& waiter) {
  return {"ZREM", keys.queue, name_in_line(waiter)};
}

std::vector<std::string> remaining_words(const LockKeys& keys) {
  return {"PTTL", keys.lock};
}

std::optional<std::chrono::milliseconds> decode_remaining(const Value& answer) {
  if (answer.integer == kAbsent) return std::nullopt;
  return std::chrono::milliseconds{std::clamp<long long>(answer.integer, -1, kGreatestRemaining.count())};
}

}  // namespace redlock::redis

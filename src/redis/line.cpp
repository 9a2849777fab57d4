#include "redis/line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace redlock::redis {
namespace {

constexpr long long kAbsent = -2;  // PTTL, since Redis 2.8

// So long that it makes no difference, and short enough to count in nanoseconds.
constexpr std::chrono::milliseconds kGreatestRemaining = std::chrono::hours{24 * 365 * 100};

// KEYS: lock, line. ARGV: the waiter's name.
constexpr std::string_view kOutlookLua = R"lua(
local line, ahead, waiting = redis.pcall('ZRANGE', KEYS[2], 0, -1), 0, -1
if line.err then line = {} end
for _, other in ipairs(line) do
  if other < ARGV[1] then ahead = ahead + 1 end
  if other == ARGV[1] then waiting = #line end
end
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), ahead, waiting}
)lua";

std::chrono::milliseconds milliseconds(long long remaining) {
  return std::chrono::milliseconds{std::clamp<long long>(remaining, -1, kGreatestRemaining.count())};
}

Seen decode_outlook(const Value& answer) {
  using Type = Value::Type;
  constexpr std::size_t fields = 4;
  if (answer.type != Type::Array || answer.elements.size() != fields) return {};
  const Value& holder = answer.elements[0];
  const bool absent = holder.type == Type::Nil;
  if (!absent && holder.type != Type::String) return {};
  for (std::size_t i = 1; i < fields; ++i) {
    if (answer.elements[i].type != Type::Integer) return {};
  }
  return quorum::Outlook{
      .holder = absent ? std::nullopt : std::optional{quorum::Token{holder.text}},
      .remaining = milliseconds(answer.elements[1].integer),
      .position = position_in_queue(answer.elements[2].integer, answer.elements[3].integer)};
}

}  // namespace

std::string name_in_line(const quorum::Waiter& waiter) {
  return fmt::format("{:016}-{:016x}", waiter.began_us, waiter.number);
}

std::string calls_to(const quorum::Waiter& waiter) {
  return std::string{kTurn} + name_in_line(waiter);
}

std::optional<unsigned> decode_call(std::string_view message) {
  unsigned ahead = 0;
  const auto [end, error] = std::from_chars(message.data(), message.data() + message.size(), ahead);
  if (error != std::errc{} || end != message.data() + message.size() || ahead >= kCalled) return std::nullopt;
  return ahead;
}

std::optional<quorum::QueuePosition> position_in_queue(long long ahead, long long waiting) {
  if (ahead < 0 || waiting <= ahead) return std::nullopt;
  return quorum::QueuePosition{.ahead = static_cast<std::uint64_t>(ahead),
                               .waiting = static_cast<std::uint64_t>(waiting)};
}

std::vector<std::string> leave_words(const LockKeys& keys, const quorum::Waiter& waiter) {
  return {"ZREM", keys.queue, name_in_line(waiter)};
}

std::vector<std::string> look_words(quorum::Look what, const LockKeys& keys, const quorum::Waiter& waiter) {
  switch (what) {
    case quorum::Look::Holder: return {"GET", keys.lock};
    case quorum::Look::Remaining: return {"PTTL", keys.lock};
    case quorum::Look::Outlook:
      return {"EVAL", std::string{kOutlookLua}, "2", keys.lock, keys.queue, name_in_line(waiter)};
  }
  return {};
}

Seen decode_seen(quorum::Look what, const Value& answer) {
  using Type = Value::Type;
  switch (what) {
    case quorum::Look::Holder:
      if (answer.type == Type::Nil) return Holder{};
      if (answer.type == Type::String) return Holder{quorum::Token{answer.text}};
      break;
    case quorum::Look::Remaining:
      if (answer.type != Type::Integer) break;
      if (answer.integer == kAbsent) return Remaining{};
      return Remaining{milliseconds(answer.integer)};
    case quorum::Look::Outlook: return decode_outlook(answer);
  }
  return {};
}

}  // namespace redlock::redis

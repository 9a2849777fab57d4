#include "redis/queue.hpp"

#include "redis/answers.hpp"
#include "redis/scripts.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <utility>

namespace redlock::redis {
namespace {

using Type = Value::Type;

// The key is absent: a marker, and the position. Otherwise the answer is a refusal, as to an acquire.
Found decode_queue_state(Value answer) {
  const auto& fields = answer.elements;
  const bool absent = answer.type == Type::Array && fields.size() == 3 && fields[1].type == Type::Integer &&
                      fields[2].type == Type::Integer;
  if (absent) {
    return quorum::QueueState{.holder = {},
                              .remaining = {},
                              .info = {},
                              .position = position_in_queue(fields[1].integer, fields[2].integer)};
  }
  auto outcome = decode(RequestKind::Acquire, std::move(answer));
  const auto* reply = std::get_if<quorum::Reply>(&outcome);
  const auto* refused = reply != nullptr ? std::get_if<quorum::Refused>(reply) : nullptr;
  if (refused == nullptr) return {};
  return quorum::QueueState{.holder = refused->holder,
                            .remaining = refused->remaining,
                            .info = refused->info,
                            .position = refused->position};
}

}  // namespace

std::string name_in_queue(const quorum::QueueEntry& entry) {
  return fmt::format("{:016}-{:016x}", entry.began_us, entry.number);
}

std::string channel_of(const quorum::QueueEntry& entry) {
  return std::string{kChannelPrefix} + name_in_queue(entry);
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

std::vector<std::string> leave_words(const LockKeys& keys, const quorum::QueueEntry& entry) {
  return {"ZREM", keys.queue, name_in_queue(entry)};
}

std::vector<std::string> probe_words(quorum::Probe what, const LockKeys& keys,
                                     const quorum::QueueEntry& entry) {
  if (what == quorum::Probe::Holder) return {"GET", keys.lock};
  return {"EVAL", queue_state_script(), "3", keys.lock, keys.info, keys.queue, name_in_queue(entry)};
}

Found decode_probe(quorum::Probe what, Value answer) {
  if (what == quorum::Probe::QueueState) return decode_queue_state(std::move(answer));
  if (answer.type == Type::Nil) return FoundHolder{};
  if (answer.type == Type::String) return FoundHolder{quorum::Token{std::move(answer.text)}};
  return {};
}

}  // namespace redlock::redis

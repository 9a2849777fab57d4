#include "redis/answers.hpp"

#include "redis/node_error.hpp"
#include "redis/queue.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redlock::redis {
namespace {

using quorum::Failure;

using Outcome = std::variant<quorum::Reply, Failure>;

Outcome garbled(std::string_view why) {
  return node_failure(NodeError::Garbled, std::string{why});
}

std::optional<std::uint64_t> parse_digits(std::string_view text, std::uint64_t greatest) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > greatest) return std::nullopt;
  return number;
}

// An array whose first element is an integer and all others are of `types`.
bool has_shape(const Value& value, std::initializer_list<Value::Type> types) {
  return value.type == Value::Type::Array &&
         std::equal(value.elements.begin(), value.elements.end(), types.begin(), types.end(),
                    [](const Value& element, Value::Type type) { return element.type == type; });
}

constexpr std::uint64_t kMostLines = 10'000;  // of a script
constexpr auto kAnyNumber = std::numeric_limits<std::uint64_t>::max();
constexpr auto kInteger = Value::Type::Integer;
constexpr auto kString = Value::Type::String;

// So long that it makes no difference, and short enough to count in nanoseconds.
constexpr std::chrono::milliseconds kGreatestRemaining = std::chrono::hours{24 * 365 * 100};

std::chrono::milliseconds ttl_in(std::string_view text) {
  return std::chrono::milliseconds{parse_digits(text, kGreatestRemaining.count()).value_or(0)};
}

// Five strings from the `first` on. Whoever can write to the node can write anything about the holder: what is no number
// is left out, not refused.
quorum::HolderInfo holder_info(std::vector<Value>& fields, std::size_t first) {
  return {.host = std::move(fields[first].text),
          .user = std::move(fields[first + 1].text),
          .command = std::move(fields[first + 2].text),
          .pid = parse_digits(fields[first + 3].text, kAnyNumber).value_or(0),
          .since_us = parse_digits(fields[first + 4].text, kAnyNumber).value_or(0)};
}

Outcome decode_acquire(Value value) {
  if (has_shape(value, {kInteger, kString}) && value.elements[0].integer == 1) {
    const auto fence = parse_digits(value.elements[1].text, quorum::kMaxFence);
    if (!fence || *fence == 0) return garbled("a fence that is none");
    return quorum::Granted{*fence};
  }
  if (has_shape(value, {kInteger, kString, kInteger, kString, kString, kString, kString, kString, kString,
                        kInteger, kInteger}) &&
      value.elements[0].integer == 0) {
    auto& fields = value.elements;
    const long long remaining = std::clamp<long long>(fields[2].integer, -1, kGreatestRemaining.count());
    return quorum::Refused{.holder = {std::move(fields[1].text)},
                           .remaining = std::chrono::milliseconds{remaining},
                           .info = holder_info(fields, 3),
                           .holder_ttl = ttl_in(fields[8].text),
                           .position = position_in_queue(fields[9].integer, fields[10].integer)};
  }
  return garbled("not an answer to an acquire");
}

Outcome decode_confirm(const Value& value) {
  if (value.type != kInteger || value.integer < 0 || value.integer > 1) {
    return garbled("not an answer to a confirm");
  }
  return quorum::Confirmed{value.integer == 1};
}

Outcome decode_extend(Value value) {
  if (has_shape(value, {kInteger, kString, kString, kString}) && value.elements[0].integer == 1) {
    const auto set_by = parse_digits(value.elements[1].text, kAnyNumber);
    const auto counter = parse_digits(value.elements[2].text, quorum::kMaxFence);
    const auto fence = parse_digits(value.elements[3].text, quorum::kMaxFence);
    if (!set_by || !counter || !fence) return garbled("an extension without its numbers");
    return quorum::Extended{.set_by = *set_by, .counter = *counter, .fence = *fence};
  }
  if (has_shape(value, {kInteger, kString})) {
    const auto counter = parse_digits(value.elements[1].text, quorum::kMaxFence);
    if (value.elements[0].integer == 2 && counter) return quorum::Restored{*counter};
  }
  const bool absent = has_shape(value, {kInteger, kString, kInteger});
  const bool others =
      has_shape(value, {kInteger, kString, kInteger, kString, kString, kString, kString, kString});
  if ((absent || others) && value.elements[0].integer == 0) {
    auto& fields = value.elements;
    return quorum::NotOurs{.holder = {std::move(fields[1].text)},
                           .released = fields[2].integer == 1,
                           .broken = fields[2].integer == 2,
                           .info = others ? holder_info(fields, 3) : quorum::HolderInfo{}};
  }
  return garbled("not an answer to an extend");
}

Outcome decode_release(Value value) {
  const bool others = has_shape(value, {kInteger, kInteger, kString, kString, kString, kString, kString});
  if (!others && !has_shape(value, {kInteger, kInteger})) return garbled("not an answer to a release");
  const long long ours = value.elements[0].integer;
  const long long held = value.elements[1].integer;
  if (ours < 0 || held < 0 || ours + held > 1 || others != (held == 1))
    return garbled("not an answer to a release");
  return quorum::Released{.was_ours = ours == 1,
                          .held_by_other = others,
                          .info = others ? holder_info(value.elements, 2) : quorum::HolderInfo{}};
}

// Redis 6 and 7.0 do not name a command that an ACL forbids a script, but the line: "... @user_script:12."
Failure name_forbidden_command(RequestKind kind, std::string_view error, Failure failure) {
  constexpr std::string_view marker = "@user_script:";
  const std::size_t at = error.rfind(marker);
  if (failure.kind != NodeError::NotPermitted || at == std::string_view::npos ||
      error.find("this command") == std::string_view::npos) {
    return failure;
  }
  std::string_view digits = error.substr(at + marker.size());
  digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
  digits = digits.substr(0, digits.find_first_not_of("0123456789"));
  const auto line = parse_digits(digits, kMostLines);
  const std::string_view command = line ? command_in_script(kind, *line) : std::string_view{};
  if (!command.empty()) failure.detail = "NOPERM for " + std::string{command};
  return failure;
}

}  // namespace

std::variant<quorum::Reply, quorum::Failure> decode(RequestKind kind, Value value) {
  if (value.type == Value::Type::Error) {
    return name_forbidden_command(kind, value.text, classify(value.text));
  }
  switch (kind) {
    case RequestKind::Acquire: return decode_acquire(std::move(value));
    case RequestKind::Confirm: return decode_confirm(value);
    case RequestKind::Extend: return decode_extend(std::move(value));
    case RequestKind::Release: return decode_release(std::move(value));
  }
  return garbled("an answer to nothing");
}

}  // namespace redlock::redis

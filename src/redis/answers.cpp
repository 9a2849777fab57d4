#include "redis/answers.hpp"

#include "base/text.hpp"
#include "redis/keys.hpp"
#include "redis/node_error.hpp"
#include "redis/queue.hpp"
#include "redis/resting.hpp"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <iterator>
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
  const auto number = parse_number<std::uint64_t>(text);
  return number && *number <= greatest ? number : std::nullopt;
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
constexpr auto kArray = Value::Type::Array;

// So long that it makes no difference, and short enough to count in nanoseconds.
constexpr std::chrono::milliseconds kGreatestRemaining = std::chrono::hours{24 * 365 * 100};

std::chrono::milliseconds ttl_in(std::string_view text) {
  return std::chrono::milliseconds{parse_digits(text, kGreatestRemaining.count()).value_or(0)};
}

// Six strings from the `first` on, and whether the lock rests. Anybody who can write to the node can write anything about
// the holder: what is no number is left out, not refused.
quorum::HolderInfo holder_info(std::vector<Value>& fields, std::size_t first,
                               std::optional<quorum::Resting> resting) {
  return {.host = std::move(fields[first].text),
          .user = std::move(fields[first + 1].text),
          .command = std::move(fields[first + 2].text),
          .pid = parse_digits(fields[first + 3].text, kAnyNumber).value_or(0),
          .since_us = parse_digits(fields[first + 4].text, kAnyNumber).value_or(0),
          .note = std::move(fields[first + 5].text),
          .resting = resting};
}

// One name that is held or barred, as the scripts tell of it.
std::optional<quorum::Refused> decode_refused_name(Value& value, std::size_t least, std::size_t most) {
  const bool barred = has_shape(value, {kInteger, kString, kInteger});
  const bool held = has_shape(value, {kInteger, kString, kInteger, kString, kString, kString, kString,
                                      kString, kString, kString, kString});
  if (!barred && !held) return std::nullopt;
  auto& fields = value.elements;
  const long long name = fields[0].integer;
  if (name < static_cast<long long>(least) || name > static_cast<long long>(most)) return std::nullopt;
  const long long remaining = std::clamp<long long>(fields[2].integer, -1, kGreatestRemaining.count());
  quorum::Refused refused{.holder = {std::move(fields[1].text)},
                          .remaining = std::chrono::milliseconds{remaining},
                          .info = {},
                          .name = static_cast<std::size_t>(name),
                          .barred = barred};
  if (held) {
    refused.holder_ttl = ttl_in(fields[9].text);
    refused.info =
        holder_info(fields, 3, decode_resting(fields[10].text, refused.holder_ttl, refused.remaining));
  }
  return refused;
}

// {the names that are held or barred, or slots that are taken}
using Shown = std::optional<std::vector<quorum::Refused>>;
Shown decode_names(Value& value, std::size_t least, std::size_t most) {
  std::vector<quorum::Refused> names;
  if (value.elements.size() > most - least + 1) return std::nullopt;
  for (Value& each : value.elements) {
    auto one = decode_refused_name(each, least, most);
    if (!one) return std::nullopt;
    names.push_back(*std::move(one));
  }
  return names;
}
Shown decode_slots(Value& value) {
  return decode_names(value, 1, kMostSlots);
}

// {0, position, {names}}
std::optional<quorum::Refused> decode_refusal(std::vector<Value>& fields, Shown names) {
  if (fields[0].integer != 0 || !names || names->empty()) return std::nullopt;
  quorum::Refused refused = std::move(names->front());
  std::move(names->begin() + 1, names->end(), std::back_inserter(refused.others));
  refused.position = position_in_queue(fields[1].integer, fields[2].integer);
  return refused;
}

Outcome decode_acquire(Value value) {
  const bool already_there = has_shape(value, {kInteger, kString, kInteger});
  if ((already_there || has_shape(value, {kInteger, kString})) && value.elements[0].integer == 1) {
    const auto fence = parse_digits(value.elements[1].text, quorum::kMaxFence);
    if (!fence || *fence == 0) return garbled("a fence that is none");
    return quorum::Granted{.fence = *fence, .already_there = already_there};
  }
  if (has_shape(value, {kInteger, kInteger, kInteger, kArray})) {
    auto& fields = value.elements;
    if (auto refused = decode_refusal(fields, decode_names(fields[3], 0, kMostNames - 1)))
      return *std::move(refused);
  }
  return garbled("not an answer to an acquire");
}

// The answer about one slot, as of a lock with one name, and what is taken.
Outcome decode_acquire_slot(Value value) {
  if (value.type != kArray || value.elements.empty() || value.elements.back().type != kArray)
    return garbled("not an answer to an acquire");
  auto slots = decode_slots(value.elements.back());
  if (!slots) return garbled("slots that are none");
  value.elements.pop_back();
  Outcome outcome = decode_acquire(std::move(value));
  auto* const reply = std::get_if<quorum::Reply>(&outcome);
  if (reply == nullptr) return outcome;
  if (auto* granted = std::get_if<quorum::Granted>(reply)) {
    granted->slots = *std::move(slots);
  } else if (auto* refused = std::get_if<quorum::Refused>(reply)) {
    refused->slots = *std::move(slots);
  }
  return outcome;
}

Outcome decode_probe(Value value, bool of_slots) {
  if (!has_shape(value, {kInteger, kInteger, kInteger, kArray})) return garbled("not an answer to a probe");
  auto& fields = value.elements;
  Shown shown = of_slots ? decode_slots(fields[3]) : decode_names(fields[3], 0, kMostNames - 1);
  if (fields[0].integer == 1 && shown && (of_slots || shown->empty())) {
    return quorum::Free{.position = position_in_queue(fields[1].integer, fields[2].integer),
                        .slots = *std::move(shown)};
  }
  if (auto refused = decode_refusal(fields, std::move(shown))) return *std::move(refused);
  return garbled("not an answer to a probe");
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
  const bool others = has_shape(
      value, {kInteger, kString, kInteger, kString, kString, kString, kString, kString, kString, kString});
  if ((absent || others) && value.elements[0].integer == 0) {
    auto& fields = value.elements;
    return quorum::NotOurs{
        .holder = {std::move(fields[1].text)},
        .released = fields[2].integer == 1,
        .broken = fields[2].integer == 2,
        .info = others ? holder_info(fields, 3, decode_resting(fields[9].text)) : quorum::HolderInfo{}};
  }
  return garbled("not an answer to an extend");
}

Outcome decode_release(Value value) {
  const bool others =
      has_shape(value, {kInteger, kInteger, kString, kString, kString, kString, kString, kString, kString});
  if (!others && !has_shape(value, {kInteger, kInteger})) return garbled("not an answer to a release");
  const long long ours = value.elements[0].integer;
  const long long held = value.elements[1].integer;
  if (ours < 0 || ours > 2 || held < 0 || held > 1 || (ours == 1 && others) || others != (held == 1))
    return garbled("not an answer to a release");
  return quorum::Released{.was_ours = ours == 1,
                          .held_by_other = others,
                          .info = others
                                      ? holder_info(value.elements, 2, decode_resting(value.elements[8].text))
                                      : quorum::HolderInfo{},
                          .by_hand = ours == 2};
}

// Redis 6 and 7.0 do not name a command that an ACL forbids a script, nor do any name one that they do not know there, but
// its line: "... @user_script:12."
Failure name_command_in_script(RequestKind kind, std::string_view error, Failure failure) {
  constexpr std::string_view marker = "@user_script:";
  const std::size_t at = error.rfind(marker);
  const bool forbidden =
      failure.kind == NodeError::NotPermitted && error.find("this command") != std::string_view::npos;
  const bool unknown = failure.kind == NodeError::UnknownCommand && failure.detail.empty();
  if (at == std::string_view::npos || (!forbidden && !unknown)) return failure;
  std::string_view digits = error.substr(at + marker.size());
  digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
  digits = digits.substr(0, digits.find_first_not_of("0123456789"));
  const auto line = parse_digits(digits, kMostLines);
  const std::string_view command = line ? command_in_script(kind, *line) : std::string_view{};
  if (!command.empty()) failure.detail = (forbidden ? "NOPERM for " : "") + std::string{command};
  return failure;
}

}  // namespace

std::optional<Failure> refused_command(const Value& answer) {
  constexpr std::size_t longest_command = 64;
  if (!has_shape(answer, {kString, kString})) return std::nullopt;
  Failure failure = classify(answer.elements[1].text);
  const bool forbidden = failure.kind == NodeError::NotPermitted;
  if (forbidden || failure.kind == NodeError::UnknownCommand)
    failure.detail = (forbidden ? "NOPERM for " : "") + printable(answer.elements[0].text, longest_command);
  return failure;
}

std::variant<quorum::Reply, quorum::Failure> decode(RequestKind kind, Value value) {
  if (value.type == Value::Type::Error) {
    return name_command_in_script(kind, value.text, classify(value.text));
  }
  switch (kind) {
    case RequestKind::Acquire: return decode_acquire(std::move(value));
    case RequestKind::AcquireSlot: return decode_acquire_slot(std::move(value));
    case RequestKind::Probe: return decode_probe(std::move(value), false);
    case RequestKind::ProbeSlots: return decode_probe(std::move(value), true);
    case RequestKind::Confirm: return decode_confirm(value);
    case RequestKind::Extend: return decode_extend(std::move(value));
    case RequestKind::Release:
    case RequestKind::Rest: return decode_release(std::move(value));
  }
  return garbled("an answer to nothing");
}

}  // namespace redlock::redis

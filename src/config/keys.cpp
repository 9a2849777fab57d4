#include "config/keys.hpp"

#include "base/duration.hpp"
#include "base/overload.hpp"
#include "base/text.hpp"
#include "config/name.hpp"
#include "quorum/validity.hpp"
#include "redis/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>

namespace redlock::config {
namespace {

using namespace std::chrono_literals;

constexpr auto kDay = 24h;
// A time point counts nanoseconds in 64 bits, so adding a century never overflows.
constexpr auto kCentury = 36'500 * kDay;
// The fence counter expires this long after the last grant (DESIGN section 3), so no lease may be longer.
constexpr auto kFenceLife = 30 * kDay;

std::optional<std::string> out_of_range(const Key& key, Duration value) {
  if (value < key.least) {
    return fmt::format("{} is too short; use {} or more", format_duration(value), format_duration(key.least));
  }
  if (value > key.most) {
    return fmt::format("{} is too long; use {} or less", format_duration(value), format_duration(key.most));
  }
  if (value % key.step != Duration::zero()) {
    return fmt::format("{} is finer than Redis can count; use a multiple of {}", format_duration(value),
                       format_duration(key.step));
  }
  return std::nullopt;
}

template <typename Value>
std::optional<std::string> out_of_range(const Key&, Value) {
  return std::nullopt;  // every enumerator is good
}

std::optional<std::string> out_of_range(const Key& key, std::uint64_t value) {
  const bool slots = key.member == KeyMember{&Layer::slots};
  if (!slots || (value >= 1 && value <= redis::kMostSlots)) return std::nullopt;
  return fmt::format("a lock with {} slots; use 1 to {}", value, redis::kMostSlots);
}

std::optional<std::string> out_of_range(const Key& key, const std::string& value) {
  if (value.find('\0') != std::string::npos) return "it holds a NUL byte; leave that out";
  if (key.member != KeyMember{&Layer::key_prefix}) return std::nullopt;
  if (value.size() > kMaxNameBytes) {
    return fmt::format("{} bytes are too many; use {} or fewer", value.size(), kMaxNameBytes);
  }
  if (value.starts_with(kReservedPrefix)) {
    return fmt::format("{} begins with '{}', as the keys do that are kept beside a lock; use another prefix",
                       quoted(value, 64), kReservedPrefix);
  }
  return std::nullopt;
}

}  // namespace

// clang-format off
const std::array<Key, kKeyCount> kKeys{{
    {.name = "ttl", .member = &Layer::ttl, .least = quorum::kLeastTtl, .most = kFenceLife, .step = 1ms, .standard = 30s},
    {.name = "wait", .member = &Layer::wait, .least = 0ms, .most = kCentury},
    {.name = "quorum_wait", .member = &Layer::quorum_wait, .least = 0ms, .most = kCentury},
    {.name = "retry_delay", .member = &Layer::retry_delay, .least = 1ms, .most = kFenceLife, .standard = 200ms},
    {.name = "retry_count", .member = &Layer::retry_count},
    {.name = "kill_after", .member = &Layer::kill_after, .least = 0ms, .most = kFenceLife / 3, .standard = 5s},
    {.name = "node_timeout", .member = &Layer::node_timeout, .least = 1ms, .most = kFenceLife, .standard = 1s},
    {.name = "restart_quarantine", .member = &Layer::restart_quarantine, .least = 0ms, .most = kCentury},
    {.name = "key_prefix", .member = &Layer::key_prefix},
    {.name = "note", .member = &Layer::note},
    {.name = "release_when", .member = &Layer::release_when},
    {.name = "at_least", .member = &Layer::at_least, .least = 0ms, .most = kFenceLife, .step = 1ms},
    {.name = "release_on_failure", .member = &Layer::release_on_failure},
    {.name = "slots", .member = &Layer::slots},
    {.name = "reentrant", .member = &Layer::reentrant},
}};
// clang-format on

std::optional<std::string> read_value(std::string_view text, Duration& value) {
  const auto parsed = parse_duration(text);
  if (!parsed)
    return fmt::format("{} is not a duration; write one like 500ms, 30s or 1h30m", quoted(text, 64));
  value = *parsed;
  return std::nullopt;
}

std::optional<std::string> read_value(std::string_view text, std::uint64_t& value) {
  const auto number = parse_number<std::uint64_t>(text);
  if (!number) return fmt::format("{} is not a number; write a whole number such as 5", quoted(text, 64));
  value = *number;
  return std::nullopt;
}

std::optional<std::string> read_value(std::string_view text, std::string& value) {
  value = text;
  return std::nullopt;
}

std::optional<std::string> read_value(std::string_view text, ReleaseWhen& value) {
  if (text != "command" && text != "all") {
    return fmt::format("{} is neither 'command' nor 'all'", quoted(text, 64));
  }
  value = text == "all" ? ReleaseWhen::All : ReleaseWhen::Command;
  return std::nullopt;
}

std::optional<std::string> read_value(std::string_view text, bool& value) {
  if (text != "true" && text != "false") {
    return fmt::format("{} is neither 'true' nor 'false'", quoted(text, 64));
  }
  value = text == "true";
  return std::nullopt;
}

const Key& find_key(KeyMember member) {
  return *std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& key) { return key.member == member; });
}

std::string flag_name(const Key& key) {
  std::string out = "--";
  for (const char c : key.name) out += c == '_' ? '-' : c;
  return out;
}

std::string environment_name(const Key& key) {
  std::string out = "REDLOCK_";
  for (const char c : key.name) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string_view expected(const Key& key) {
  return std::visit(
      Overload{
          [](std::optional<Duration> Layer::*) {
            return std::string_view{"a duration such as \"30s\", or a number of seconds"};
          },
          [](std::optional<std::uint64_t> Layer::*) { return std::string_view{"a whole number such as 5"}; },
          [](std::optional<std::string> Layer::*) { return std::string_view{"a string, in quotes"}; },
          [](std::optional<ReleaseWhen> Layer::*) { return std::string_view{"\"command\" or \"all\""}; },
          [](std::optional<bool> Layer::*) { return std::string_view{"true or false"}; },
      },
      key.member);
}

namespace {

static_assert(kKeyCount <= 32, "Layer::bare_numbers has a bit for each key");

std::uint32_t bit_of(const Key& key) {
  return std::uint32_t{1} << static_cast<unsigned>(&key - kKeys.data());
}

}  // namespace

std::optional<std::string> assign(Layer& layer, const Key& key, std::string_view text) {
  if (std::holds_alternative<std::optional<Duration> Layer::*>(key.member) && is_bare_number(text))
    layer.bare_numbers |= bit_of(key);
  return std::visit([&](auto member) { return read_value(text, (layer.*member).emplace()); }, key.member);
}

std::optional<std::string> range_problem(const Layer& layer, const Key& key) {
  return std::visit(
      [&](auto member) -> std::optional<std::string> {
        if (!(layer.*member)) return std::nullopt;
        return out_of_range(key, *(layer.*member));
      },
      key.member);
}

std::optional<std::string> unit_doubt(const Layer& layer, const Key& key) {
  constexpr Duration suspicious = 1000s;
  const auto* const member = std::get_if<std::optional<Duration> Layer::*>(&key.member);
  if (member == nullptr || (layer.bare_numbers & bit_of(key)) == 0 || !(layer.**member)) return std::nullopt;
  const Duration value = *(layer.**member);
  if (value < suspicious) return std::nullopt;
  const auto number = std::chrono::duration_cast<std::chrono::seconds>(value).count();
  return fmt::format("{} without a unit is seconds, {}: write {}s, or {}ms if that is what you mean", number,
                     format_duration(value), number, number);
}

bool has(const Layer& layer, const Key& key) {
  return std::visit([&](auto member) { return (layer.*member).has_value(); }, key.member);
}

bool inherit(Layer& target, const Layer& source, const Key& key) {
  return std::visit(
      [&](auto member) {
        if (target.*member || !(source.*member)) return false;
        target.*member = source.*member;
        target.bare_numbers |= source.bare_numbers & bit_of(key);
        return true;
      },
      key.member);
}

}  // namespace redlock::config

#include "config/keys.hpp"

#include "base/duration.hpp"
#include "base/overload.hpp"
#include "base/text.hpp"
#include "config/name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
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
  return std::nullopt;  // every number and enumerator is good
}

std::optional<std::string> out_of_range(const Key&, const std::string& value) {
  if (value.size() > kMaxNameBytes) {
    return fmt::format("{} bytes are too many; use {} or fewer", value.size(), kMaxNameBytes);
  }
  if (value.find('\0') != std::string::npos) return "it holds a NUL byte; leave that out";
  if (value.starts_with(kReservedPrefix)) {
    return fmt::format("{} begins with '{}', as the keys do that are kept beside a lock; use another prefix",
                       quoted(value, 64), kReservedPrefix);
  }
  return std::nullopt;
}

}  // namespace

// clang-format off
const std::array<Key, kKeyCount> kKeys{{
    {.name = "ttl", .member = &Layer::ttl, .least = 200ms, .most = kFenceLife, .step = 1ms, .standard = 30s},
    {.name = "wait", .member = &Layer::wait, .least = 0ms, .most = kCentury},
    {.name = "retry_delay", .member = &Layer::retry_delay, .least = 1ms, .most = kFenceLife, .standard = 200ms},
    {.name = "retry_count", .member = &Layer::retry_count},
    {.name = "kill_after", .member = &Layer::kill_after, .least = 0ms, .most = kFenceLife / 3, .standard = 5s},
    {.name = "node_timeout", .member = &Layer::node_timeout, .least = 1ms, .most = kFenceLife, .standard = 1s},
    {.name = "restart_quarantine", .member = &Layer::restart_quarantine, .least = 0ms, .most = kCentury},
    {.name = "key_prefix", .member = &Layer::key_prefix},
    {.name = "release_when", .member = &Layer::release_when},
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
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return fmt::format("{} is not a number of attempts; write a whole number such as 5", quoted(text, 64));
  }
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
          [](std::optional<std::string> Layer::*) { return std::string_view{"a string such as \"prod:\""}; },
          [](std::optional<ReleaseWhen> Layer::*) { return std::string_view{"\"command\" or \"all\""}; },
      },
      key.member);
}

std::optional<std::string> assign(Layer& layer, const Key& key, std::string_view text) {
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

bool has(const Layer& layer, const Key& key) {
  return std::visit([&](auto member) { return (layer.*member).has_value(); }, key.member);
}

bool inherit(Layer& target, const Layer& source, const Key& key) {
  return std::visit(
      [&](auto member) {
        if (target.*member || !(source.*member)) return false;
        target.*member = source.*member;
        return true;
      },
      key.member);
}

}  // namespace redlock::config

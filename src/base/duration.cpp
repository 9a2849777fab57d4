#include "base/duration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>

namespace redlock {
namespace {

using std::chrono::nanoseconds;

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

// From large to small: the order in which they may follow each other.
constexpr std::array<Unit, 6> kUnits{{
    {"d", 86'400'000'000'000},
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
}};
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kSecondIndex = 3;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Takes the longest run of characters that satisfy `belongs` off the front of `text`.
template <typename Predicate>
std::string_view take_while(std::string_view& text, Predicate belongs) {
  std::size_t length = 0;
  while (length < text.size() && belongs(text[length])) ++length;
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

// digits * unit; nothing if it does not fit.
std::optional<std::int64_t> whole_part(std::string_view digits, std::int64_t unit) {
  std::int64_t value = 0;
  for (const char c : digits) {
    if (__builtin_mul_overflow(value, 10, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, c - '0', &value)) return std::nullopt;
  }
  if (__builtin_mul_overflow(value, unit, &value)) return std::nullopt;
  return value;
}

// 0.digits * unit, rounded down to a nanosecond. Digits past the 18th are less than a nanosecond of any unit.
std::int64_t fraction_part(std::string_view digits, std::int64_t unit) {
  __extension__ using Wide = __int128;  // 10^18 times a day does not fit in 64 bits
  Wide numerator = 0;
  Wide denominator = 1;
  for (const char c : digits.substr(0, 18)) {
    numerator = numerator * 10 + (c - '0');
    denominator *= 10;
  }
  return static_cast<std::int64_t>(numerator * unit / denominator);
}

// Read, and not written.
constexpr std::array<Unit, 2> kOtherUnits{{{"w", 7 * kUnits[0].ns}, {"min", kUnits[2].ns}}};

const Unit* find_unit(std::string_view name) {
  const auto has_name = [&](const Unit& unit) { return unit.name == name; };
  if (const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), has_name); unit != kUnits.end())
    return unit;
  const auto* const other = std::find_if(kOtherUnits.begin(), kOtherUnits.end(), has_name);
  return other == kOtherUnits.end() ? nullptr : other;
}

// `count` of the unit, for people: a space where the unit has two letters, as in "340 ms".
std::string human_count(std::int64_t count, const Unit& unit) {
  return fmt::format("{}{}{}", count, unit.name.size() > 1 ? " " : "", unit.name);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  std::int64_t greater_unit =
      std::numeric_limits<std::int64_t>::max();  // units less than this may still come
  for (bool first = true; !text.empty(); first = false) {
    if (!first) take_while(text, [](char c) { return c == ' '; });
    const std::string_view whole = take_while(text, is_digit);
    std::string_view fraction;
    if (!text.empty() && text.front() == '.') {
      text.remove_prefix(1);
      fraction = take_while(text, is_digit);
      if (fraction.empty()) return std::nullopt;
    }
    if (whole.empty() && fraction.empty()) return std::nullopt;

    const std::string_view name = take_while(text, is_letter);
    // Only a number alone may lack its unit: the 30 in "1h30" would be ambiguous.
    const bool bare = name.empty() && first && text.empty();
    const Unit* const unit = bare ? &kUnits[kSecondIndex] : find_unit(name);
    if (unit == nullptr || unit->ns >= greater_unit) return std::nullopt;
    greater_unit = unit->ns;

    const auto part = whole_part(whole, unit->ns);
    if (!part || __builtin_add_overflow(total, *part, &total)) return std::nullopt;
    if (__builtin_add_overflow(total, fraction_part(fraction, unit->ns), &total)) return std::nullopt;
  }
  return Duration{total};
}

bool is_bare_number(std::string_view text) noexcept {
  return parse_duration(text) && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string format_duration(Duration duration) {
  std::int64_t rest = duration.count() / 1'000 * 1'000;
  if (rest <= 0) return "0s";
  std::string out;
  for (std::size_t i = 0; i < kSecondIndex; ++i) {
    if (const std::int64_t count = rest / kUnits[i].ns; count != 0) {
      out += fmt::format("{}{}", count, kUnits[i].name);
      rest %= kUnits[i].ns;
    }
  }
  for (std::size_t i = kSecondIndex; rest != 0; ++i) {
    const Unit& unit = kUnits[i];
    if (rest < unit.ns) continue;
    std::string digits = fmt::format("{:09}", (rest % unit.ns) * (kSecond / unit.ns));
    digits.erase(digits.find_last_not_of('0') + 1);
    out += fmt::format("{}{}{}{}", rest / unit.ns, digits.empty() ? "" : ".", digits, unit.name);
    rest = 0;
  }
  return out;
}

std::string human_duration(Duration duration) {
  const std::int64_t ns = duration.count();
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const Unit& unit = kUnits[i];
    if (ns < unit.ns) continue;
    const std::int64_t tenths = ns % unit.ns * 10 / unit.ns;
    if (i >= kSecondIndex && ns / unit.ns < 10 && tenths != 0)
      return fmt::format("{}.{}{}{}", ns / unit.ns, tenths, unit.name.size() > 1 ? " " : "", unit.name);
    std::string out = human_count(ns / unit.ns, unit);
    if (i < kSecondIndex) {
      const Unit& smaller = kUnits[i + 1];
      if (const std::int64_t count = ns % unit.ns / smaller.ns; count != 0) {
        out += " " + human_count(count, smaller);
      }
    }
    return out;
  }
  return "0 ms";
}

}  // namespace redlock

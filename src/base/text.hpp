#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace redlock {

// Makes text from outside (names, holders, replies) safe to show on one line of a terminal: control
// characters, DEL, C1 controls, invalid UTF-8 and backslash become \n, \t, \xNN or \\; valid UTF-8 stays. Cut
// to `max_bytes` of input with "..." behind it.
std::string printable(std::string_view text, std::size_t max_bytes = 512);

// The same, between single quotes: 'nightly-backup'. An object, not a function: for a std::string, argument-dependent
// lookup would prefer std::quoted to a function of this name.
struct Quoted {
  std::string operator()(std::string_view text, std::size_t max_bytes = 512) const;
};
inline constexpr Quoted quoted;  // NOLINT(readability-identifier-naming): called like a function

// The decimal number that is the whole of `text`; nothing for anything else, or a number that the type cannot hold.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional{value} : std::nullopt;
}

// At most `max_bytes` of `text`, without a part of a UTF-8 character at the end.
std::string_view beginning_of(std::string_view text, std::size_t max_bytes);

}  // namespace redlock

#pragma once

#include "base/clock.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace redlock {

// Parses `500ms`, `30s`, `5m`, `1h30m`, `1h 30min`, `2d`, `1w`; a bare number is seconds; fractions are allowed (`1.5s`, `.5`).
// Units are us, ms, s, m or min, h, d, w, each at most once and from large to small; blanks may part them. Nothing if the text is empty, negative, malformed or means more than
// about 292 years.
std::optional<Duration> parse_duration(std::string_view text) noexcept;

// Whether `text` is a duration without a unit.
bool is_bare_number(std::string_view text) noexcept;

// The shortest text that parse_duration reads back as the same duration, to the microsecond: "1h30m", "250ms".
std::string format_duration(Duration duration);

// For people: two units or two digits, rounded down: "2h 5m", "12s", "1.9s", "340 ms".
std::string human_duration(Duration duration);

}  // namespace redlock

#include "base/duration.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <string>

using namespace std::chrono_literals;
using redlock::Duration;
using redlock::format_duration;
using redlock::human_duration;
using redlock::parse_duration;

TEST_CASE("a duration is one or more counts with units, from large to small, or a bare number of seconds") {
  const struct {
    const char* text;
    Duration expected;
  } cases[] = {
      {"500ms", 500ms},
      {"30s", 30s},
      {"5m", 5min},
      {"1h30m", 90min},
      {"2d", 48h},
      {"1w", 168h},
      {"1w2d", 216h},
      {"10min", 10min},
      {"1h30min", 90min},
      {"1h 30m", 90min},
      {"1d  2h 3min 4.5s", 26h + 3min + 4500ms},
      {"250us", 250us},
      {"1d2h3m4s5ms6us", 26h + 3min + 4s + 5ms + 6us},
      {"0", 0s},
      {"0s", 0s},
      {"30", 30s},
      {"007", 7s},
      {"1.5", 1500ms},
      {"1.5s", 1500ms},
      {".5", 500ms},
      {"0.001", 1ms},
      {"1.5h", 90min},
      {"1m0.25s", 60s + 250ms},
      {"0.000000001", 1ns},
      {"0.0000000019", 1ns},
      {"0.1s", 100ms},
      {"0.3s", 300ms},
      {"0.333333333333333333d", Duration{28'799'999'999'999}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    const auto parsed = parse_duration(one.text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->count() == one.expected.count());
  }
}

TEST_CASE("text that is not exactly a duration is refused") {
  for (const char* const text :
       {"",       " ",      "1m 2min", "2d1w", "1h 30",    "1h 30m ", " 1h",  "1 h", "1h\t30m",
        "10mins", "10 min", "-1",      "-1s",  "+1",       "5 m",     " 5m",  "5m ", "1m1m",
        "1s1m",   "30m1h",  "5x",      "5S",   "5sec",     "1e3",     "nan",  "inf", "s",
        ".",      ".s",     "1.",      "1.s",  "1..5",     "1.5.5",   "1h30", "30 ", "1,5",
        "0x10",   "1_000",  "1h-5m",   "five", "\xc2\xb5s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
  CHECK_FALSE(parse_duration(std::string_view{"5\0s", 3}).has_value());
}

TEST_CASE("the longest duration is 2^63-1 nanoseconds, and one more is refused") {
  CHECK(parse_duration("9223372036.854775807")->count() == std::numeric_limits<std::int64_t>::max());
  CHECK_FALSE(parse_duration("9223372036.854775808").has_value());
  CHECK(parse_duration("106751d").has_value());
  CHECK_FALSE(parse_duration("106752d").has_value());
  CHECK_FALSE(parse_duration("106751d24h").has_value());
  CHECK_FALSE(parse_duration("18446744073709551617").has_value());
  CHECK_FALSE(parse_duration(std::string(10'000, '9')).has_value());
}

TEST_CASE("a formatted duration reads back as the same one, to the microsecond") {
  const struct {
    Duration duration;
    const char* text;
  } cases[] = {
      {0s, "0s"},           {90min, "1h30m"},        {250ms, "250ms"}, {30s, "30s"},
      {1500ms, "1.5s"},     {1500us, "1.5ms"},       {250us, "250us"}, {48h, "2d"},
      {24h + 1us, "1d1us"}, {61s + 1ms, "1m1.001s"}, {999ns, "0s"},    {720h, "30d"},
  };
  for (const auto& one : cases) {
    CHECK(format_duration(one.duration) == one.text);
    CHECK(parse_duration(one.text) == one.duration / 1us * 1us);
  }
  for (std::int64_t us = 1; us < 1'000'000'000'000'000; us = us * 7 + 3) {
    const Duration duration = std::chrono::microseconds{us};
    CAPTURE(us);
    CHECK(parse_duration(format_duration(duration)) == duration);
  }
}

TEST_CASE("a duration for people has two units or two digits, rounded down") {
  CHECK(human_duration(2h + 5min + 59s) == "2h 5m");
  CHECK(human_duration(12s + 900ms) == "12s");
  CHECK(human_duration(1978ms) == "1.9s");
  CHECK(human_duration(9999ms) == "9.9s");
  CHECK(human_duration(5049ms) == "5s");
  CHECK(human_duration(340ms) == "340 ms");
  CHECK(human_duration(1500us) == "1.5 ms");
  CHECK(human_duration(999us) == "999 us");
  CHECK(human_duration(2h) == "2h");
  CHECK(human_duration(49h + 59min) == "2d 1h");
  CHECK(human_duration(61s) == "1m 1s");
  CHECK(human_duration(0s) == "0 ms");
  CHECK(human_duration(-5s) == "0 ms");
}

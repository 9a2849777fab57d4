#include "cli/json.hpp"

#include "base/timestamp.hpp"

#include <doctest/doctest.h>

using redlock::format_timestamp;
using redlock::cli::Json;

TEST_CASE("JSON is written on one line, with members in the order in which they were added") {
  Json json = Json::object({{"name", "nightly"}, {"fence", std::uint64_t{9007199254740991}}});
  json.add("votes", Json::array({1, true, Json{}}));
  CHECK(json.dump() == R"({"name":"nightly","fence":9007199254740991,"votes":[1,true,null]})");
}

TEST_CASE("JSON text is escaped, and bytes that are not UTF-8 are replaced") {
  CHECK(Json{"a\"b\\c\nd\x01"}.dump() == R"("a\"b\\c\nd\u0001")");
  CHECK(Json{"gr\xc3\xbc\xc3\x9f"}.dump() == "\"gr\xc3\xbc\xc3\x9f\"");
  CHECK(Json{"\xff!"}.dump() == "\"\xef\xbf\xbd!\"");
}

TEST_CASE("a moment is written as RFC 3339 has it, in UTC to the millisecond") {
  CHECK(format_timestamp(0) == "1970-01-01T00:00:00.000Z");
  CHECK(format_timestamp(1'795'580'508'123'999) == "2026-11-25T04:21:48.123Z");
  CHECK(format_timestamp(951'782'400'000'000) == "2000-02-29T00:00:00.000Z");
  CHECK(format_timestamp(~std::uint64_t{0}) == "9999-12-31T23:59:59.999Z");
}

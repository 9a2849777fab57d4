#include "config/suggest.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

using redlock::config::suggestion;

namespace {
constexpr std::array<std::string_view, 4> kKnown{"ttl", "wait", "retry_delay", "retry_count"};
}

TEST_CASE("a word close to a known one is taken for a slip") {
  CHECK(suggestion("retry_dealy", kKnown) == "did you mean 'retry_delay'?");
  CHECK(suggestion("retry-count", kKnown) == "did you mean 'retry_count'?");
  CHECK(suggestion("TTL", kKnown) == "did you mean 'ttl'?");
  CHECK(suggestion("tll", kKnown) == "did you mean 'ttl'?");
  CHECK(suggestion("wiat", kKnown) == "did you mean 'wait'?");
  CHECK(suggestion("retrydelay", kKnown) == "did you mean 'retry_delay'?");
}

TEST_CASE("another word gets the list of the known ones") {
  const std::string list = "known: ttl, wait, retry_delay, retry_count";
  CHECK(suggestion("colour", kKnown) == list);
  CHECK(suggestion("", kKnown) == list);
  CHECK(suggestion("tab", kKnown) == list);
  CHECK(suggestion(std::string(100'000, 'x'), kKnown) == list);
}

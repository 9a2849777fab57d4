#include "net/unresolved_names.hpp"

#include <doctest/doctest.h>

using namespace redlock;
using namespace redlock::net;
using namespace std::chrono_literals;

namespace {

const ConnectionFailure kNoSuchName{.kind = ConnectionFailure::Kind::Unresolved, .detail = "no such name"};

}  // namespace

TEST_CASE(
    "a name that did not resolve is not asked for again before a pause, which doubles up to four seconds") {
  UnresolvedNames names;
  TimePoint now{1h};
  CHECK_FALSE(names.find("a", now));
  for (const Duration pause : {500ms, 1000ms, 2000ms, 4000ms, 4000ms}) {
    names.on_failure("a", now, kNoSuchName);
    names.on_failure("a", now, kNoSuchName);  // of another question at the same time
    const auto kept = names.find("a", now + pause - 1ms);
    REQUIRE(kept);
    CHECK(kept->detail == "no such name");
    now += pause;
    CHECK_FALSE(names.find("a", now));
  }
  CHECK_FALSE(names.find("b", now));
}

TEST_CASE("a name that resolves is as good as new") {
  UnresolvedNames names;
  const TimePoint now{1h};
  names.on_failure("a", now, kNoSuchName);
  names.on_failure("a", now + 500ms, kNoSuchName);
  names.on_success("a");
  CHECK_FALSE(names.find("a", now + 500ms));
  names.on_failure("a", now + 2s, kNoSuchName);
  CHECK_FALSE(names.find("a", now + 2s + 500ms));
}

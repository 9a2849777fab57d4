#include "process/pid_list.hpp"

#include <doctest/doctest.h>

using redlock::process::PidList;
using redlock::process::PidSet;

TEST_CASE("a list of pids keeps their order as it grows and shrinks") {
  PidList pids;
  constexpr pid_t many = 10'000;
  for (pid_t pid = 1; pid <= many; ++pid) pids.add(pid);
  REQUIRE(pids.size() == many);
  CHECK(pids[0] == 1);
  CHECK(pids[many - 1] == many);
  pids.remove_if([](pid_t pid) { return pid % 2 == 1; });
  CHECK(pids.size() == many / 2);
  CHECK(pids[0] == 2);
  pids.clear();
  CHECK(pids.all().empty());
}

TEST_CASE("a set of pids reports a pid as new once, until it is removed") {
  PidSet pids;
  for (const pid_t pid : {1, 63, 64, 32'768, (1 << 22) - 1}) {
    CHECK(pids.add(pid));
    CHECK_FALSE(pids.add(pid));
    pids.remove(pid);
    CHECK(pids.add(pid));
  }
  pids.clear();
  CHECK(pids.add(64));
}

TEST_CASE("a pid beyond the kernel's limit is new each time") {
  PidSet pids;
  CHECK(pids.add(1 << 22));
  CHECK(pids.add(1 << 22));
  pids.remove(1 << 22);
}

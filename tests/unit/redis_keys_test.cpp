#include "redis/keys.hpp"

#include <doctest/doctest.h>

using redlock::redis::in_one_slot;
using redlock::redis::LockKeys;

TEST_CASE("keys are in one slot of a cluster where each name has a part in braces that is not empty") {
  for (const char* name : {"{a}", "x{a}y", "{a}{}", "a{b}c}", "{{}"}) {
    CAPTURE(name);
    CHECK(in_one_slot({LockKeys{name}}));
    CHECK_FALSE(in_one_slot({LockKeys{name}, LockKeys{"a"}}));
  }
  for (const char* name : {"a", "{}", "{}a{b}", "}a{", "{a"}) {
    CAPTURE(name);
    CHECK_FALSE(in_one_slot({LockKeys{name}}));
  }
  CHECK(in_one_slot({LockKeys{"{a}x"}, LockKeys{"{a}y"}}));
}

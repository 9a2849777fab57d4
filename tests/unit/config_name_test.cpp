#include "base/error.hpp"
#include "config/name.hpp"

#include <doctest/doctest.h>

#include <string>

using redlock::UsageError;
using redlock::config::check_lock_name;
using redlock::config::key_problem;

TEST_CASE("a lock may have any name of 1 to 512 bytes without NUL") {
  CHECK_NOTHROW(check_lock_name("nightly-backup"));
  CHECK_NOTHROW(check_lock_name(" "));
  CHECK_NOTHROW(check_lock_name("\n\xff"));
  CHECK_NOTHROW(check_lock_name(std::string(512, 'a')));
  CHECK_THROWS_AS(check_lock_name(""), UsageError);
  CHECK_THROWS_AS(check_lock_name(std::string(513, 'a')), UsageError);
  CHECK_THROWS_AS(check_lock_name(std::string_view{"a\0b", 3}), UsageError);
}

TEST_CASE("a lock is not named like the keys that are kept beside a lock") {
  CHECK_THROWS_AS(check_lock_name("redlock.fence:x"), UsageError);
  CHECK_THROWS_AS(check_lock_name("redlock."), UsageError);
  CHECK_NOTHROW(check_lock_name("redlock"));
  CHECK_NOTHROW(check_lock_name("my.redlock.x"));
}

TEST_CASE("what counts is the whole key, wherever in it the prefix ends") {
  CHECK(key_problem("redlock", ".info:x"));
  CHECK(key_problem("r", "edlock."));
  CHECK(key_problem("redlock.", "x"));
  CHECK(key_problem("redlock.info:", "x"));
  CHECK_FALSE(key_problem("", "redlock"));
  CHECK_FALSE(key_problem("redlock", "x"));
  CHECK_FALSE(key_problem("redlock", "redlock."));
  CHECK_FALSE(key_problem("prod:", "redlock.x"));
}

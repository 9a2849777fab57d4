// What a configuration file may say, and how what it may not say is refused.
#include "config_fixture.hpp"

#include <string>

using namespace redlock;
using namespace redlock::config;
using namespace redlock::config::test;

TEST_CASE_FIXTURE(Fixture, "an unknown key is refused with its place and the key that was meant") {
  config("[defaults]\nttl = 30\n\n  retry-delay = 1\n");
  CHECK(problem() == "CONFIG:4:3: unknown key 'retry-delay' in [defaults]; did you mean 'retry_delay'?");
  config("[lock.\"nightly backup\"]\nwiat = 1\n");
  CHECK(problem() == "CONFIG:2:1: unknown key 'wiat' in [lock.\"nightly backup\"]; did you mean 'wait'?");
  config("[[node]]\nurl = 'redis://a'\nuser = 'x'\n");
  CHECK(contains(problem(), "CONFIG:3:1: unknown key 'user' in [[node]]; known: url, username, password,"));
  config("[default]\nttl = 1\n");
  CHECK(contains(problem(), "unknown table or key 'default'; did you mean 'defaults'?"));
  config("[[nodes]]\nurl = 'redis://a'\n");
  CHECK(contains(problem(), "unknown table or key 'nodes'; did you mean 'node'?"));
  config("ttl = 30\n");
  CHECK(problem() == "CONFIG:1:1: ttl stands in no table; put it below [defaults]");
  config("\"a\\nb\" = 1\n");
  CHECK(contains(problem(), "unknown table or key 'a\\nb'"));
}

TEST_CASE_FIXTURE(Fixture, "a value of a wrong type is refused with its place and the right type") {
  const struct {
    const char* text;
    const char* problem;
  } cases[] = {
      {"[defaults]\nttl = true", "CONFIG:2:7: ttl: it is true or false; it must be a duration"},
      {"[defaults]\nttl = []", "CONFIG:2:7: ttl: it is an array"},
      {"[defaults]\nttl = 1979-05-27", "CONFIG:2:7: ttl: it is a date;"},
      {"[defaults]\nttl = '5 m'", "CONFIG:2:7: ttl: '5 m' is not a duration"},
      {"[defaults]\nttl = -5", "CONFIG:2:7: ttl: -5 is negative"},
      {"[defaults]\nttl = -0.5", "not a number of seconds, 0 or more"},
      {"[defaults]\nttl = nan", "not a number of seconds, 0 or more"},
      {"[defaults]\nttl = inf", "not a number of seconds, 0 or more"},
      {"[defaults]\nttl = 1e300", "is not a duration"},
      {"[defaults]\nttl = 9223372036854775807", "is not a duration"},
      {"[defaults]\nretry_count = '3'", "retry_count: it is a string; it must be a whole number"},
      {"[defaults]\nretry_count = 1.5", "retry_count: it is a number with a fraction"},
      {"[defaults]\nretry_count = -1", "retry_count: -1 is negative"},
      {"[defaults]\nkey_prefix = 5", "key_prefix: it is a whole number; it must be a string"},
      {"[defaults]\nrelease_when = 'never'",
       "CONFIG:2:16: release_when: 'never' is neither 'command' nor 'all'"},
      {"[defaults]\nrelease_on_failure = 1", "it is a whole number; it must be true or false"},
      {"[defaults]\nrelease_on_failure = 'yes'", "release_on_failure: 'yes' is neither 'true' nor 'false'"},
      {"[defaults]\nat_least = '31d'", "at_least: 31d is too long; use 30d or less"},
      {"[defaults]\nrelease_when = true", "it is true or false; it must be \"command\" or \"all\""},
      {"defaults = 5", "CONFIG:1:1: defaults: it is a whole number, not a table"},
      {"lock = 5", "lock: it is a whole number, not a table"},
      {"[lock]\njob = 5", "CONFIG:2:1: job: it is a whole number, not a table; write [lock.\"NAME\"]"},
      {"[lock]\nttl = '5s'", "ttl: it is a string, not a table"},
      {"[lock.\"\"]\nttl = 5", "the name of a lock has 1 to 512 bytes, not 0"},
      {"[lock.job]\nusername = 'x'", "CONFIG:2:1: username belongs to a node, not to a lock"},
      {"[node]\nurl = 'redis://a'", "node: it is a table; write [[node]], in double brackets"},
      {"node = ['redis://a']", "node: it is a string, not a table; write [[node]]"},
      {"node = []", "node: the list of nodes is empty"},
      {"[[node]]", "CONFIG:1:1: the node has no url"},
      {"[[node]]\nurl = 5", "CONFIG:2:7: url: it is a whole number; it must be a string"},
      {"[[node]]\nurl = ''", "url: it is empty"},
      {"[[node]]\nurl = 'redis://a:70000'", "CONFIG:2:7: url: 'redis://a:70000': the port is not a number"},
      {"[[node]]\nurl = 'redis://a'\nusername = 5", "username: it is a whole number; it must be a string"},
      {"[[node]]\nurl = 'redis://a'\nca_file = 5", "ca_file: it is a whole number; it must be a string"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    config(one.text);
    const std::string found = problem();
    CAPTURE(found);
    CHECK(contains(found, one.problem));
  }
}

TEST_CASE_FIXTURE(Fixture, "a file that is not TOML is refused with line and column") {
  config("[defaults]\nttl = 30s\n");
  CHECK(contains(problem(), "CONFIG:2:"));
  CHECK(contains(problem(), "not valid TOML: "));
  config("[defaults\n");
  CHECK(contains(problem(), "CONFIG:1:"));
  config("[defaults]\nttl = 1\nttl = 2\n");
  CHECK(contains(problem(), "CONFIG:3:"));
  config("[defaults]\nkey_prefix = '\xff'\n");
  CHECK(contains(problem(), "CONFIG:2:"));
  config(std::string{"a\0b", 3});
  CHECK(contains(problem(), "CONFIG:1:"));
  config("a = " + std::string(100'000, '['));
  CHECK(contains(problem(), "CONFIG:1:"));
}

TEST_CASE_FIXTURE(Fixture, "a mistake in the file shows even where flags override it") {
  config("[[node]]\nurl = 'redis://a:0'\n");
  CHECK(contains(problem(with_nodes({"redis://b"})), "CONFIG:2:7: url: 'redis://a:0'"));
}

TEST_CASE_FIXTURE(Fixture, "the path in a message is escaped") {
  environment.set("REDLOCK_CONFIG", write("a\nb.toml", "x = 1\n"));
  CHECK(contains(problem(), "a\\nb.toml:1:1: "));
}

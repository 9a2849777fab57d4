// What values are refused, and which of two settings that do not go together is blamed.
#include "config_fixture.hpp"

#include <chrono>
#include <string>

using namespace redlock;
using namespace redlock::config;
using namespace redlock::config::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(Fixture, "a ttl is whole milliseconds from 200ms to 30d") {
  CHECK(load(with_layer({.ttl = 200ms})).ttl == 200ms);
  CHECK(load(with_layer({.ttl = 720h})).ttl == 720h);
  CHECK(problem<UsageError>(with_layer({.ttl = 1ms})) == "--ttl: 1ms is too short; use 200ms or more");
  CHECK(problem<UsageError>(with_layer({.ttl = 199'999'999ns})) ==
        "--ttl: 199.999ms is too short; use 200ms or more");
  CHECK(problem<UsageError>(with_layer({.ttl = 720h + 1ms})) == "--ttl: 30d1ms is too long; use 30d or less");
  CHECK(contains(problem<UsageError>(with_layer({.ttl = 200'500us})), "multiple of 1ms"));
  environment.set("REDLOCK_TTL", "0");
  CHECK(problem() == "REDLOCK_TTL: 0s is too short; use 200ms or more");
}

TEST_CASE_FIXTURE(Fixture,
                  "the other settings have their ranges, wherever they stand and whether or not they count") {
  CHECK(contains(problem<UsageError>(with_layer({.retry_delay = 0ms})), "--retry-delay: 0s is too short"));
  CHECK(contains(problem<UsageError>(with_layer({.node_timeout = 0ms})), "--node-timeout: 0s is too short"));
  CHECK(contains(problem<UsageError>(with_layer({.wait = 24h * 40'000})), "--wait: 40000d is too long"));
  CHECK(contains(problem<UsageError>(with_layer({.key_prefix = std::string(513, 'a')})),
                 "513 bytes are too many"));
  CHECK(contains(problem<UsageError>(with_layer({.key_prefix = std::string{"a\0b", 3}})), "NUL"));
  CHECK(load(with_layer({.wait = 0s, .retry_count = 0, .kill_after = 0s})).wait == 0s);
  config("[defaults]\nttl = 0.1\n");
  CHECK(
      contains(problem(with_layer({.ttl = 10s})), "CONFIG:2:7: ttl: 100ms is too short; use 200ms or more"));
  config("[lock.another]\nttl = '40d'\n");
  CHECK(contains(problem(), "CONFIG:2:7: ttl: 40d is too long; use 30d or less"));
}

TEST_CASE_FIXTURE(Fixture, "a note is cut to 256 bytes, and not within a character") {
  CHECK(load().note.empty());
  CHECK(load(with_layer({.note = std::string(300, 'a')})).note == std::string(256, 'a'));
  CHECK(load(with_layer({.note = std::string(255, 'a') + "\xe2\x82\xac"})).note == std::string(255, 'a'));
  CHECK(load(with_layer({.note = std::string(253, 'a') + "\xe2\x82\xac!"})).note ==
        std::string(253, 'a') + "\xe2\x82\xac");
  CHECK(load(with_layer({.note = std::string(300, '\x80')})).note.size() == 253);  // no UTF-8 at all
  CHECK(load(with_layer({.note = "redlock.is-a-good-note"})).note == "redlock.is-a-good-note");
  CHECK(
      contains(problem<UsageError>(with_layer({.note = std::string{"a\0b", 3}})), "--note: it holds a NUL"));
}

TEST_CASE_FIXTURE(Fixture, "kill_after is 5s unless a third of the ttl is less") {
  CHECK(load(with_layer({.ttl = 15s})).kill_after == 5s);
  CHECK(load(with_layer({.ttl = 3s})).kill_after == 1s);
  CHECK(load(with_layer({.ttl = 9s, .kill_after = 3s})).kill_after == 3s);
}

TEST_CASE_FIXTURE(Fixture,
                  "a kill_after over a third of the ttl is the mistake of the flag that made it so") {
  const std::string text =
      "kill_after 4s is more than a third of the ttl 9s; use a kill_after of 3s or less, or a longer ttl";
  CHECK(problem<UsageError>(with_layer({.ttl = 9s, .kill_after = 4s})) == "--ttl: " + text);
  config("[defaults]\nttl = 9\n");
  CHECK(problem<UsageError>(with_layer({.kill_after = 4s})) == "--kill-after: " + text);
  config("[defaults]\nkill_after = 4\n");
  CHECK(problem<UsageError>(with_layer({.ttl = 9s})) == "--ttl: " + text);
  config("[defaults]\nkill_after = 4\nttl = 9\n");
  CHECK(problem() == "CONFIG:2:14: kill_after: " + text);
  environment.set("REDLOCK_KILL_AFTER", "4");
  CHECK(problem() == "REDLOCK_KILL_AFTER: " + text);
}

TEST_CASE_FIXTURE(Fixture,
                  "a node has a second to answer, less with a short ttl, and never more than the ttl") {
  CHECK(load(with_layer({.ttl = 3s})).node_timeout == 1s);
  CHECK(load(with_layer({.ttl = 600ms})).node_timeout == 200ms);
  CHECK(load(with_layer({.ttl = 3s, .node_timeout = 2s})).node_timeout == 2s);
  CHECK(load(with_layer({.ttl = 3s, .node_timeout = 1min})).node_timeout == 3s);
}

TEST_CASE_FIXTURE(Fixture, "restarted nodes sit out a ttl by default where three or more are left to vote") {
  const std::vector<std::string> three{"redis://a", "redis://b", "redis://c"};
  Flags flags = with_nodes(three);
  CHECK(load(flags).restart_quarantine == 30s);
  flags.layer.ttl = 7s;
  CHECK(load(flags).restart_quarantine == 7s);
  flags.layer.restart_quarantine = 0s;
  CHECK(load(flags).restart_quarantine == 0s);
  CHECK(messages(flags).empty());
  flags.layer.restart_quarantine = 8s;
  CHECK(messages(flags).empty());
  flags.layer.restart_quarantine = 6s;
  CHECK(load(flags).restart_quarantine == 6s);
  CHECK(contains(messages(flags), "warning: --restart-quarantine: 6s is shorter than the ttl 7s"));
}

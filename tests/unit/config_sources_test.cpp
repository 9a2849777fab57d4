// Where settings come from, and which source wins.
#include "config_fixture.hpp"

#include <chrono>
#include <string>
#include <variant>

using namespace redlock;
using namespace redlock::config;
using namespace redlock::config::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(Fixture, "without any source the built-in defaults hold") {
  const Settings settings = load();
  CHECK(settings.ttl == 30s);
  CHECK_FALSE(settings.wait.has_value());
  CHECK_FALSE(settings.quorum_wait.has_value());
  CHECK(settings.retry_delay == 200ms);
  CHECK_FALSE(settings.retry_count.has_value());
  CHECK(settings.kill_after == 5s);
  CHECK(settings.node_timeout == 1s);
  CHECK(settings.restart_quarantine == 0s);
  CHECK(settings.key_prefix.empty());
  CHECK(settings.release_when == ReleaseWhen::Command);
  CHECK(settings.at_least == 0s);
  CHECK_FALSE(settings.release_on_failure);
  CHECK_FALSE(settings.reentrant);
  REQUIRE(settings.nodes.size() == 1);
  CHECK(settings.nodes[0].display() == "redis://127.0.0.1:6379/0");
}

TEST_CASE_FIXTURE(Fixture, "flag goes before environment, before the lock's table, before [defaults]") {
  config("[defaults]\nttl = 11\n");
  CHECK(load().ttl == 11s);
  config("[defaults]\nttl = 11\n[lock.other]\nttl = 12\n");
  CHECK(load().ttl == 11s);
  config("[defaults]\nttl = 11\nwait = 9\n[lock.job]\nttl = 12\n");
  CHECK(load().ttl == 12s);
  CHECK(load().wait == 9s);
  CHECK(load({}, "").ttl == 11s);  // a command without a lock
  environment.set("REDLOCK_TTL", "13");
  CHECK(load().ttl == 13s);
  CHECK(load(with_layer({.ttl = 14s})).ttl == 14s);
}

TEST_CASE_FIXTURE(Fixture, "every setting can come from each source") {
  const auto check = [](const Settings& settings) {
    CHECK(settings.ttl == 1min);
    CHECK(settings.wait == 2s);
    CHECK(settings.quorum_wait == 90s);
    CHECK(settings.retry_delay == 3ms);
    CHECK(settings.retry_count == 4);
    CHECK(settings.kill_after == 5500ms);
    CHECK(settings.node_timeout == 600ms);
    CHECK(settings.restart_quarantine == 7min);
    CHECK(settings.key_prefix == "prod:");
    CHECK(settings.note == "TICKET-7");
    CHECK(settings.release_when == ReleaseWhen::All);
    CHECK(settings.at_least == 1h);
    CHECK(settings.release_on_failure);
    CHECK(settings.reentrant);
  };
  const std::string settings =
      "ttl = '1m'\nwait = 2\nquorum_wait = '1m30s'\nretry_delay = '3ms'\nretry_count = 4\nkill_after = 5.5\n"
      "node_timeout = 0.6\nrestart_quarantine = '7m'\nkey_prefix = 'prod:'\nnote = 'TICKET-7'\nrelease_when "
      "= 'all'\nat_least = '1h'\nrelease_on_failure = true\nreentrant = true\n";
  SUBCASE("defaults") {
    config("[defaults]\n" + settings);
    check(load());
  }
  SUBCASE("the table of the lock") {
    config("[lock.job]\n" + settings);
    check(load());
  }
  SUBCASE("environment") {
    environment.set("REDLOCK_TTL", "1m");
    environment.set("REDLOCK_WAIT", "2");
    environment.set("REDLOCK_QUORUM_WAIT", "90");
    environment.set("REDLOCK_RETRY_DELAY", "3ms");
    environment.set("REDLOCK_RETRY_COUNT", "4");
    environment.set("REDLOCK_KILL_AFTER", "5.5");
    environment.set("REDLOCK_NODE_TIMEOUT", ".6");
    environment.set("REDLOCK_RESTART_QUARANTINE", "7m");
    environment.set("REDLOCK_KEY_PREFIX", "prod:");
    environment.set("REDLOCK_NOTE", "TICKET-7");
    environment.set("REDLOCK_RELEASE_WHEN", "all");
    environment.set("REDLOCK_AT_LEAST", "1h");
    environment.set("REDLOCK_RELEASE_ON_FAILURE", "true");
    environment.set("REDLOCK_REENTRANT", "true");
    check(load());
  }
  SUBCASE("flags") {
    check(load(with_layer({.ttl = 1min,
                           .wait = 2s,
                           .retry_delay = 3ms,
                           .retry_count = 4,
                           .kill_after = 5500ms,
                           .node_timeout = 600ms,
                           .restart_quarantine = 7min,
                           .quorum_wait = 90s,
                           .key_prefix = "prod:",
                           .note = "TICKET-7",
                           .release_when = ReleaseWhen::All,
                           .at_least = 1h,
                           .release_on_failure = true,
                           .reentrant = true})));
  }
}

TEST_CASE_FIXTURE(Fixture, "an empty variable counts as unset") {
  for (const Key& key : kKeys) environment.set(environment_name(key), "");
  environment.set("REDLOCK_NODES", "");
  CHECK(load().ttl == 30s);
  CHECK(load().nodes.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a bad variable is named, with what would be right") {
  environment.set("REDLOCK_RETRY_DELAY", "5 m");
  CHECK(problem() == "REDLOCK_RETRY_DELAY: '5 m' is not a duration; write one like 500ms, 30s or 1h30m");
  environment.unset("REDLOCK_RETRY_DELAY");
  for (const char* const count : {"many", "-1", "1.5", "5x", "99999999999999999999"}) {
    environment.set("REDLOCK_RETRY_COUNT", count);
    CHECK(contains(problem(), "REDLOCK_RETRY_COUNT: '" + std::string{count} + "' is not a number"));
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "the file is the first of --config, REDLOCK_CONFIG, XDG_CONFIG_HOME and ~/.config") {
  write("home/.config/redlock/config.toml", "[defaults]\nttl = 1\n");
  write("xdg/redlock/config.toml", "[defaults]\nttl = 2\n");
  config("[defaults]\nttl = 3\n");
  Flags flags;
  flags.config_file = write("flag.toml", "[defaults]\nttl = 4\n");
  CHECK(load(flags).ttl == 4s);
  CHECK(load().ttl == 3s);
  environment.unset("REDLOCK_CONFIG");
  CHECK(load().ttl == 2s);
  environment.set("XDG_CONFIG_HOME", "relative/is/ignored");
  CHECK(load().ttl == 1s);
  environment.unset("XDG_CONFIG_HOME");
  CHECK(load().ttl == 1s);
}

TEST_CASE_FIXTURE(Fixture, "a file that was named must be readable, also the one in its usual place") {
  Flags flags;
  flags.config_file = path("missing.toml");
  CHECK(contains(problem(flags), "missing.toml': no such file or directory"));
  environment.set("REDLOCK_CONFIG", path("gone.toml"));
  CHECK(contains(problem(), "gone.toml': no such file or directory"));
  environment.unset("REDLOCK_CONFIG");
  std::filesystem::create_directories(path("xdg/redlock/config.toml"));
  CHECK(contains(problem(), "xdg/redlock/config.toml': is a directory"));
}

TEST_CASE_FIXTURE(Fixture, "a file may be a device or a pipe, and has a limit") {
  environment.set("REDLOCK_CONFIG", "/dev/null");
  CHECK(load().ttl == 30s);
  environment.set("REDLOCK_CONFIG", "/dev/zero");
  CHECK(contains(problem(), "'/dev/zero': file too large"));
}

TEST_CASE_FIXTURE(Fixture,
                  "a variable that is all but the name of a setting is worth a warning, and no other is") {
  environment.set("REDLOCK_NODES", "redis://10.0.0.1");
  environment.set("REDLOCK_TLL", "3s");
  CHECK(contains(messages(),
                 "warning: REDLOCK_TLL in the environment is no setting, and does nothing: did you mean "
                 "REDLOCK_TTL?"));
  environment.unset("REDLOCK_TLL");
  environment.set("REDLOCK_NAME", "a");
  environment.set("REDLOCK_SLOT", "1");
  environment.set("REDLOCK_HELPERS", "/usr");
  CHECK(messages().empty());
}

TEST_CASE_FIXTURE(Fixture, "where no node is named there is a warning, with all places that were looked at") {
  const std::string rest = "asking redis://127.0.0.1:6379/0 alone, which excludes no other host";
  CHECK(contains(messages(), "redlock: warning: no node is named in --node, REDLOCK_NODES or '" +
                                 path("config.toml") + "': " + rest));
  config("[defaults]\nttl = 5\n");
  CHECK(contains(messages(), rest));
  environment.unset("REDLOCK_CONFIG");
  CHECK(contains(messages(), "no node is named in --node, REDLOCK_NODES, '" +
                                 path("xdg/redlock/config.toml") +
                                 "' or '/etc/redlock/config.toml': " + rest));
  environment.unset("XDG_CONFIG_HOME");
  CHECK(contains(messages(), "'" + path("home/.config/redlock/config.toml") + "' or '/etc/"));
  environment.unset("HOME");
  CHECK(contains(messages(), "in --node, REDLOCK_NODES or '/etc/redlock/config.toml': "));

  CHECK(messages(with_nodes({"redis://127.0.0.1:6379"})).empty());
  environment.set("REDLOCK_NODES", "redis://127.0.0.1");
  CHECK(messages().empty());
  environment.unset("REDLOCK_NODES");
  config("[[node]]\nurl = 'redis://127.0.0.1'\n");
  CHECK(messages().empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "a duration of 1000 or more without a unit is told to be seconds, where it counts") {
  Flags flags = with_nodes({"redis://a"});
  environment.set("REDLOCK_TTL", "30000");
  CHECK(load(flags).ttl == 30'000s);
  CHECK(messages(flags) ==
        "redlock: warning: REDLOCK_TTL: 30000 without a unit is seconds, 8h20m: write 30000s, or "
        "30000ms if that is what you mean\n");
  environment.set("REDLOCK_TTL", "30000s");
  CHECK(messages(flags).empty());
  environment.set("REDLOCK_TTL", "999");
  CHECK(messages(flags).empty());
  config("[defaults]\nttl = 5000\nwait = 3600.0\n");
  CHECK(occurrences(messages(flags), "warning: ") == 1);  // the ttl of the file does not count
  CHECK(contains(messages(flags), "config.toml:3:8: wait: 3600 without a unit is seconds, 1h: write 3600s"));
  environment.unset("REDLOCK_TTL");
  CHECK(contains(messages(flags), "config.toml:2:7: ttl: 5000 without a unit is seconds, 1h23m20s: "));
  flags.layer.ttl = 30s;
  REQUIRE_FALSE(assign(flags.layer, find_key(&Layer::wait), "4000"));
  CHECK(contains(messages(flags), "warning: --wait: 4000 without a unit is seconds, 1h6m40s"));
}

TEST_CASE("names of variables and flags follow from the key") {
  CHECK(environment_name(find_key(&Layer::retry_delay)) == "REDLOCK_RETRY_DELAY");
  CHECK(flag_name(find_key(&Layer::retry_delay)) == "--retry-delay");
}

TEST_CASE_FIXTURE(
    Fixture, "to release a lock on failure that never rests is worth a warning, if its own table says it") {
  const std::string warning = "release_on_failure: does nothing without at_least";
  config("[defaults]\nrelease_on_failure = true\n");
  CHECK_FALSE(contains(messages(), warning));  // of locks that rest
  config("[lock.job]\nrelease_on_failure = true\n");
  CHECK(contains(messages(), warning));
  CHECK_FALSE(contains(messages(with_layer({.at_least = 1h})), warning));
  environment.set("REDLOCK_RELEASE_ON_FAILURE", "false");
  CHECK_FALSE(contains(messages(), warning));
}

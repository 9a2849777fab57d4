// Which nodes are used.
#include "config_fixture.hpp"

#include <string>

using namespace redlock;
using namespace redlock::config;
using namespace redlock::config::test;

namespace {

std::string shown(const Settings& settings) {
  std::string out;
  for (const redis::NodeEndpoint& node : settings.nodes) out += (out.empty() ? "" : " ") + node.display();
  return out;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "nodes come from the first source that names any, in their order") {
  config(
      "[[node]]\nurl = 'redis://f1'\n[[node]]\nurl = 'unix:///f2?db=1'\n[[node]]\nurl = 'redis://[::1]:7'\n");
  CHECK(shown(load()) == "redis://f1:6379/0 unix:///f2?db=1 redis://[::1]:7/0");
  environment.set("REDLOCK_NODES", "redis://e1, redis://e2\n\tredis://e3,,");
  CHECK(shown(load()) == "redis://e1:6379/0 redis://e2:6379/0 redis://e3:6379/0");
  CHECK(shown(load(with_nodes({"redis://c1/2"}))) == "redis://c1:6379/2");
}

TEST_CASE_FIXTURE(Fixture, "a list of nodes without a node is a mistake, not a wish for the default") {
  environment.set("REDLOCK_NODES", ", ");
  CHECK(contains(problem(), "REDLOCK_NODES: it names no node"));
}

TEST_CASE_FIXTURE(Fixture, "a malformed URL is the mistake of whoever wrote it") {
  CHECK(problem<UsageError>(with_nodes({"redis://a:70000"})) ==
        "--node: 'redis://a:70000': the port is not a number from 1 to 65535");
  CHECK(contains(problem<UsageError>(with_nodes({"redis://a", "nonsense"})),
                 "URL 2 of --node: the URL does not begin"));
  CHECK(contains(problem<UsageError>(with_nodes({""})), "--node: the URL does not begin"));
  environment.set("REDLOCK_NODES", "redis://a redis://b/x");
  CHECK(contains(problem(), "URL 2 of REDLOCK_NODES: 'redis://b/***': the database"));
}

TEST_CASE_FIXTURE(Fixture, "one server named twice is refused, whatever the database") {
  CHECK(problem<UsageError>(with_nodes({"redis://a", "redis://b", "redis://A:6379/3"})) ==
        "URL 3 of --node: redis://A:6379/3 is the same server as redis://a:6379/0 (URL 1 of --node), and one "
        "server has "
        "one vote; "
        "name each node once");
  environment.set("REDLOCK_NODES", "unix:///s unix:///s?db=1 redis://b");
  CHECK(contains(problem(), "URL 2 of REDLOCK_NODES: unix:///s?db=1 is the same server as unix:///s "));
  environment.unset("REDLOCK_NODES");
  config("[[node]]\nurl = 'redis://a'\n[[node]]\nurl = 'redis://:x@a'\n");
  CHECK(
      contains(problem(),
               "CONFIG:4:7: url: redis://a:6379/0 is the same server as redis://a:6379/0 (CONFIG:2:7: url)"));
}

TEST_CASE_FIXTURE(Fixture, "two nodes are worth a warning, other numbers are not") {
  CHECK(messages(with_nodes({"redis://a", "redis://b"})) ==
        "redlock: warning: 2 nodes are no better than 1: both must answer; use 3 or 5\n");
  CHECK(messages(with_nodes({"redis://a"})).empty());
  CHECK(messages(with_nodes({"redis://a", "redis://b", "redis://c"})).empty());
  CHECK(messages(with_nodes({"redis://a", "redis://b", "redis://c", "redis://d"})).empty());
}

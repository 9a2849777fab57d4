#include "cli/outer_locks.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace redlock;
using namespace redlock::cli;

namespace {

LockNames lock_of(std::vector<std::string> keys, std::vector<unsigned> dbs) {
  LockNames lock{.names = keys, .keys = std::move(keys), .settings = {}};
  for (const unsigned db : dbs) {
    redis::NodeEndpoint node;
    node.host = "10.0.0.1";
    node.db = db;
    lock.settings.nodes.push_back(std::move(node));
  }
  return lock;
}

}  // namespace

TEST_SUITE("outer locks") {
  TEST_CASE("a run is told as it was, with all its locks") {
    const std::string text =
        format_outer_run({.pid = 812, .token = {"1f3a"}, .fence = "1764045000000000", .locks = {"aa", "bb"}});
    const auto runs = parse_outer_runs(text + " " + text);
    REQUIRE(runs.size() == 2);
    CHECK(runs[1].pid == 812);
    CHECK(runs[1].token == quorum::Token{"1f3a"});
    CHECK(runs[1].fence == "1764045000000000");
    CHECK(runs[1].locks == std::vector<std::string>{"aa", "bb"});
  }

  TEST_CASE("what no run has written is left out") {
    for (const char* text : {"", " ", "x", "x:t:1:a", "0:t:1:a", "-1:t:1:a", "99999999999:t:1:a", "812::1:a",
                             "812:t:1", "812:t:1:a:b"}) {
      CAPTURE(text);
      CHECK(parse_outer_runs(text).empty());
      CHECK(parse_outer_runs(std::string{text} + " 812:t:1:a").size() == 1);
    }
  }

  TEST_CASE("a lock is known by its key and its nodes, in whatever order they are named") {
    const auto ids = lock_ids(lock_of({"a", "b"}, {0, 1, 2}));
    REQUIRE(ids.size() == 2);
    CHECK(ids[0] != ids[1]);
    CHECK(lock_ids(lock_of({"b"}, {2, 0, 1})).front() == ids[1]);
    CHECK(lock_ids(lock_of({"b"}, {0, 1, 3})).front() != ids[1]);
    CHECK(lock_ids(lock_of({"p:b"}, {0, 1, 2})).front() != ids[1]);
  }
}

#include "lock/health.hpp"
#include "redis/node_error.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace redlock;
using namespace redlock::lock;
using namespace std::chrono_literals;
using Verdict = Health::Verdict;

namespace {

NodeReport healthy() {
  NodeReport report;
  report.server =
      redis::ServerReport{.product = "Redis", .version = "7.0.15", .role = "master", .uptime = 24h};
  report.appendfsync = "everysec";
  report.save = "";
  report.round_trip = 1ms;
  report.clock_ahead = 100us;
  return report;
}

Issues issues(const NodeReport& report, Duration quarantine = 30s) {
  return issues_of(report, quarantine);
}

Health judged(const std::vector<Issues>& all) {
  return health_of(all, quorum::Membership{all.size(), 0s});
}

}  // namespace

TEST_SUITE("health of nodes") {
  TEST_CASE("about a healthy node there is no issue") {
    CHECK(issues(healthy()).empty());
  }

  TEST_CASE("of a node that does not answer nothing else is said") {
    NodeReport report;
    report.failure = redis::node_failure(redis::NodeError::Refused);
    CHECK(issues(report, 0s) == Issues{Issue::NoAnswer});
  }

  TEST_CASE("a replica has no vote, and that it is read-only is no news") {
    NodeReport report = healthy();
    report.eligibility = quorum::VoteEligibility::Replica;
    report.refusal = redis::node_failure(redis::NodeError::ReadOnly);
    CHECK(issues(report) == Issues{Issue::NoVote});
  }

  TEST_CASE("a master that takes no writes has no vote") {
    NodeReport report = healthy();
    report.refusal = redis::node_failure(redis::NodeError::OutOfMemory);
    CHECK(issues(report) == Issues{Issue::Refuses});
  }

  TEST_CASE("eviction issues only where memory is limited and locks are among what may go") {
    NodeReport report = healthy();
    report.server->maxmemory_policy = "allkeys-lru";
    CHECK(issues(report).empty());
    report.server->maxmemory = 1 << 20;
    CHECK(issues(report) == Issues{Issue::Evicts});
    report.server->maxmemory_policy = "volatile-ttl";
    CHECK(issues(report) == Issues{Issue::Evicts});
    report.server->maxmemory_policy = "noeviction";
    CHECK(issues(report).empty());
  }

  TEST_CASE("without a quarantine a node must write each change to disk") {
    NodeReport report = healthy();
    CHECK(issues(report, 0s) == Issues{Issue::Forgets});
    report.server->aof = true;
    CHECK(issues(report, 0s) == Issues{Issue::Forgets});
    report.appendfsync = "always";
    CHECK(issues(report, 0s).empty());
    report.appendfsync.reset();  // not permitted to ask
    CHECK(issues(report, 0s) == Issues{Issue::Forgets});
  }

  TEST_CASE("a clock may be off by what the round trip hides, and a second") {
    NodeReport report = healthy();
    report.clock_ahead = -1'000'400us;
    CHECK(issues(report).empty());
    report.clock_ahead = -1'000'600us;
    CHECK(issues(report) == Issues{Issue::BadClock});
    report.clock_ahead = 3'600s;
    CHECK(issues(report) == Issues{Issue::BadClock});
  }

  TEST_CASE("a node that hides behind its ACL votes with a warning") {
    NodeReport report = healthy();
    report.server.reset();
    report.anonymous = true;
    CHECK(issues(report) == Issues{Issue::Anonymous});
  }

  TEST_CASE("the verdict counts those that can vote") {
    const Issues none;
    CHECK(judged({none, none, none}).verdict == Verdict::Safe);
    CHECK(judged({none, none, {Issue::Evicts}}).verdict == Verdict::Works);
    CHECK(judged({none, none, {Issue::NoAnswer}}).verdict == Verdict::Works);
    CHECK(judged({none, {Issue::NoVote}, {Issue::Refuses}}).verdict == Verdict::NoQuorum);
    CHECK(judged({none, {Issue::NoVote, Issue::Evicts}, {Issue::Refuses}}).voters == 1);
    CHECK(judged({none, none}).verdict == Verdict::Works);
    CHECK(judged({none}).verdict == Verdict::Works);
  }

  TEST_CASE("the verdict is one line that says what is to be minded") {
    const auto told = [](const std::vector<Issues>& all) { return describe(judged(all)); };
    CHECK(told({{}, {}, {}}) == "safe: all 3 nodes can vote, 2 are needed");
    CHECK(told({{Issue::Evicts}, {}, {Issue::NoAnswer}}) ==
          "works, but 1 of 3 nodes cannot vote; 1 of 3 nodes may evict locks");
    CHECK(told({{Issue::BadClock}, {Issue::BadClock}, {}}) ==
          "works, but 2 of 3 nodes have clocks that are off");
    CHECK(told({{}}) == "works, but no lock survives the loss of the only node");
    CHECK(told({{Issue::NoAnswer}, {Issue::NoAnswer}, {}}) ==
          "no quorum: 1 of 3 nodes can vote, 2 are needed");
  }
}

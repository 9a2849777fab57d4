#include "lock/soundness.hpp"
#include "redis/node_error.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace redlock;
using namespace redlock::lock;
using namespace std::chrono_literals;
using Verdict = Soundness::Verdict;

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

using Concerns = std::vector<Concern>;
Concerns concerns(const NodeReport& report, Duration quarantine = 30s) {
  return concerns_about(report, quarantine);
}

Soundness judged(const std::vector<Concerns>& all) {
  return judge(all, quorum::Membership{all.size(), 0s});
}

}  // namespace

TEST_SUITE("soundness of nodes") {
  TEST_CASE("about a healthy node there is no concern") {
    CHECK(concerns(healthy()).empty());
  }

  TEST_CASE("of a node that does not answer nothing else is said") {
    NodeReport report;
    report.failure = redis::node_failure(redis::NodeError::Refused);
    CHECK(concerns(report, 0s) == Concerns{Concern::NoAnswer});
  }

  TEST_CASE("a replica has no vote, and that it is read-only is no news") {
    NodeReport report = healthy();
    report.eligibility = quorum::VoteEligibility::Replica;
    report.refusal = redis::node_failure(redis::NodeError::ReadOnly);
    CHECK(concerns(report) == Concerns{Concern::NoVote});
  }

  TEST_CASE("a master that takes no writes has no vote") {
    NodeReport report = healthy();
    report.refusal = redis::node_failure(redis::NodeError::OutOfMemory);
    CHECK(concerns(report) == Concerns{Concern::Refuses});
  }

  TEST_CASE("eviction concerns only where memory is limited and locks are among what may go") {
    NodeReport report = healthy();
    report.server->maxmemory_policy = "allkeys-lru";
    CHECK(concerns(report).empty());
    report.server->maxmemory = 1 << 20;
    CHECK(concerns(report) == Concerns{Concern::Evicts});
    report.server->maxmemory_policy = "volatile-ttl";
    CHECK(concerns(report) == Concerns{Concern::Evicts});
    report.server->maxmemory_policy = "noeviction";
    CHECK(concerns(report).empty());
  }

  TEST_CASE("without a quarantine a node must write each change to disk") {
    NodeReport report = healthy();
    CHECK(concerns(report, 0s) == Concerns{Concern::Forgets});
    report.server->aof = true;
    CHECK(concerns(report, 0s) == Concerns{Concern::Forgets});
    report.appendfsync = "always";
    CHECK(concerns(report, 0s).empty());
    report.appendfsync.reset();  // not permitted to ask
    CHECK(concerns(report, 0s) == Concerns{Concern::Forgets});
  }

  TEST_CASE("a clock may be off by what the round trip hides, and a second") {
    NodeReport report = healthy();
    report.clock_ahead = -1'000'400us;
    CHECK(concerns(report).empty());
    report.clock_ahead = -1'000'600us;
    CHECK(concerns(report) == Concerns{Concern::BadClock});
    report.clock_ahead = 3'600s;
    CHECK(concerns(report) == Concerns{Concern::BadClock});
  }

  TEST_CASE("a node that hides behind its ACL votes with a warning") {
    NodeReport report = healthy();
    report.server.reset();
    report.anonymous = true;
    CHECK(concerns(report) == Concerns{Concern::Anonymous});
  }

  TEST_CASE("the verdict counts those that can vote") {
    const Concerns none;
    CHECK(judged({none, none, none}).verdict == Verdict::Safe);
    CHECK(judged({none, none, {Concern::Evicts}}).verdict == Verdict::Works);
    CHECK(judged({none, none, {Concern::NoAnswer}}).verdict == Verdict::Works);
    CHECK(judged({none, {Concern::NoVote}, {Concern::Refuses}}).verdict == Verdict::NoQuorum);
    CHECK(judged({none, {Concern::NoVote, Concern::Evicts}, {Concern::Refuses}}).voters == 1);
    CHECK(judged({none, none}).verdict == Verdict::Works);
    CHECK(judged({none}).verdict == Verdict::Works);
  }

  TEST_CASE("the verdict is one line that says what is to be minded") {
    const auto told = [](const std::vector<Concerns>& all) { return describe(judged(all), all); };
    CHECK(told({{}, {}, {}}) == "safe: all 3 nodes can vote, 2 are needed");
    CHECK(told({{Concern::Evicts}, {}, {Concern::NoAnswer}}) ==
          "works, but 1 of 3 nodes cannot vote; 1 of 3 nodes may evict locks");
    CHECK(told({{Concern::BadClock}, {Concern::BadClock}, {}}) ==
          "works, but 2 of 3 nodes have clocks that are off");
    CHECK(told({{}}) == "works, but no lock survives the loss of the only node");
    CHECK(told({{Concern::NoAnswer}, {Concern::NoAnswer}, {}}) ==
          "no quorum: 1 of 3 nodes can vote, 2 are needed");
  }
}

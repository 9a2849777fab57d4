#include "lock/acquirer.hpp"
#include "lock/node_monitor.hpp"
#include "lock_fixture.hpp"
#include "quorum/lease.hpp"
#include "quorum/validity.hpp"
#include "redis/node_error.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace redlock;
using namespace redlock::test;
using namespace std::chrono_literals;

namespace {

using Said = std::vector<std::string>;

struct MonitorCase : LockCase {
  lock::Driver driver{options()};
  lock::Acquirer acquirer{driver};

  quorum::AcquireVerdict attempt() {
    return acquirer.acquire({.ttl = kTtl, .node_timeout = kNodeTimeout, .least_validity = 1s},
                            {.nonblock = true, .retry_delay = 1ms}, {}, [](const quorum::AcquireVerdict&) {});
  }

  static constexpr std::chrono::milliseconds kTtl{3000};
};

}  // namespace

TEST_SUITE("node monitor") {
  TEST_CASE_FIXTURE(MonitorCase, "nodes that answer are worth no word") {
    attempt();
    attempt();
    CHECK(recorder.said.empty());
    CHECK_FALSE(driver.monitor().failure(0));
  }

  TEST_CASE_FIXTURE(MonitorCase, "a node that goes down is told once, and again when it comes up") {
    network.node(1).refuses = true;
    attempt();
    attempt();
    CHECK(recorder.said == Said{"down " + name(1)});
    CHECK(driver.monitor().failure(1)->kind == redis::NodeError::Refused);
    network.node(1).refuses = false;
    attempt();
    attempt();
    CHECK(recorder.said == Said{"down " + name(1), "up " + name(1)});
    CHECK_FALSE(driver.monitor().failure(1));
  }

  TEST_CASE_FIXTURE(MonitorCase,
                    "an extension that takes longer than node_timeout is told though it may yet come") {
    const auto verdict = attempt();
    quorum::Lease lease{{.ttl = kTtl, .node_timeout = kNodeTimeout, .lead = 100ms},
                        driver.membership(),
                        std::get<quorum::Won>(verdict),
                        driver.ids(),
                        driver.entropy()};
    const TimePoint began = network.boot_now();
    network.node(2).latency = 500ms;
    driver.start(lease);
    driver.run(lease, began + 1090ms);
    CHECK(network.node(2).count(RequestKind::Extend) == 1);
    CHECK(recorder.said.empty());
    driver.run(lease, began + 1110ms);
    CHECK(recorder.said == Said{"down " + name(2)});
    CHECK(driver.monitor().failure(2)->kind == redis::NodeError::TimedOut);
    driver.run(lease, began + 1600ms);
    CHECK(recorder.said == Said{"down " + name(2), "up " + name(2)});
  }
}

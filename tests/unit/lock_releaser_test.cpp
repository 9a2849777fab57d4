#include "lock/acquirer.hpp"
#include "lock/releaser.hpp"
#include "lock_fixture.hpp"

#include <doctest/doctest.h>

using namespace redlock;
using namespace redlock::test;
using namespace std::chrono_literals;

TEST_SUITE("releaser") {
  TEST_CASE_FIXTURE(LockCase,
                    "a node that does not come back is waited for a second, however long node_timeout is") {
    lock::DriverOptions options = this->options();
    options.node_timeout = 30s;
    lock::Driver driver{options};
    lock::Acquirer acquirer{driver};
    const auto verdict =
        acquirer.acquire({.ttl = 90s, .node_timeout = 30s, .least_validity = 1s},
                         {.nonblock = true, .retry_delay = 1ms}, {}, [](const quorum::AcquireVerdict&) {});
    REQUIRE(std::holds_alternative<quorum::Won>(verdict));
    network.node(2).breaks_on = RequestKind::Release;
    network.node(2).refuses = true;
    lock::Releaser releaser{driver, {.token = std::get<quorum::Won>(verdict).token}};
    const TimePoint began = network.boot_now();
    CHECK(releaser.finish() == quorum::ReleaseResult::Ours);
    CHECK(network.boot_now() >= began + 500ms);
    CHECK(network.boot_now() <= began + 1100ms);
    CHECK(network.node(0).token.empty());
    CHECK(network.node(1).token.empty());
  }
}

#include "lock/acquirer.hpp"
#include "lock/keeper.hpp"
#include "lock_fixture.hpp"
#include "redis_support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>

using namespace redlock;
using namespace redlock::test;
using namespace std::chrono_literals;

// The clock of these tests runs as fast as the keeper does, so a lease of seconds passes in no time.

namespace {

struct KeeperCase : LockCase {
  lock::Driver driver{options()};
  lock::Acquirer acquirer{driver};
  quorum::Won won = win();
  lock::Releaser releaser{driver, {.token = won.token}};
  std::atomic<unsigned> extended = 0;
  std::atomic<unsigned> failed = 0;
  std::atomic<bool> lost = false;
  std::optional<lock::Keeper> keeper;

  quorum::Won win() {
    const auto verdict =
        acquirer.acquire({.ttl = 3s, .node_timeout = kNodeTimeout, .least_validity = 1s},
                         {.nonblock = true, .retry_delay = 1ms}, {}, [](const quorum::AcquireVerdict&) {});
    return std::get<quorum::Won>(verdict);
  }
  void start() {
    keeper.emplace(driver, releaser,
                   quorum::LeaseRules{.ttl = 3s, .node_timeout = kNodeTimeout, .lead = 100ms}, won,
                   lock::KeeperCallbacks{.extended = [this](TimePoint) { ++extended; },
                                         .extend_failed = [this](unsigned, TimePoint) { ++failed; },
                                         .lost = [this](const quorum::Loss&) { lost = true; }});
    keeper->start();
  }
};

}  // namespace

TEST_SUITE("keeper") {
  TEST_CASE_FIXTURE(KeeperCase, "a lease is extended until the keeper is stopped, and stays") {
    start();
    CHECK(eventually([&] { return extended >= 3; }));
    keeper->stop();
    CHECK_FALSE(keeper->loss());
    CHECK_FALSE(lost);
    CHECK(network.node(0).token == won.token.value);
    const unsigned before = extended;
    keeper->stop();
    CHECK(extended == before);
  }

  TEST_CASE_FIXTURE(KeeperCase, "a keeper that stops and releases has sent the release when it returns") {
    start();
    CHECK(eventually([&] { return extended >= 1; }));
    keeper->stop_and_release();
    CHECK(network.node(0).count(RequestKind::Release) == 1);
    CHECK(releaser.finish() == quorum::ReleaseResult::Ours);
    CHECK(network.node(0).count(RequestKind::Release) == 1);
    CHECK(network.node(0).token.empty());
  }

  TEST_CASE_FIXTURE(KeeperCase,
                    "a keeper that stops leaves the lock behind to rest, if that is wanted by then") {
    start();
    releaser.leave_behind(quorum::Rest{.length = 1h}, 3s);
    keeper->stop_and_release();
    releaser.leave_behind(std::nullopt, 3s);  // too late
    CHECK(releaser.finish() == quorum::ReleaseResult::Ours);
    CHECK(network.node(0).count(RequestKind::Rest) == 1);
    CHECK(network.node(0).count(RequestKind::Release) == 0);
    CHECK(releaser.rest().has_value());
  }

  TEST_CASE_FIXTURE(KeeperCase, "a keeper that was never started releases, too") {
    keeper.emplace(driver, releaser,
                   quorum::LeaseRules{.ttl = 3s, .node_timeout = kNodeTimeout, .lead = 100ms}, won,
                   lock::KeeperCallbacks{});
    keeper->stop_and_release();
    CHECK(network.node(0).token.empty());
  }

  TEST_CASE_FIXTURE(KeeperCase, "a lease that another client has taken is lost, and not released") {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).token = "theirs";
    start();
    CHECK(eventually([&] { return lost.load(); }));
    keeper->stop_and_release();
    REQUIRE(keeper->loss());
    CHECK(std::holds_alternative<quorum::Taken>(*keeper->loss()));
    CHECK(extended == 0);
    CHECK(network.node(0).count(RequestKind::Release) == 0);
  }

  TEST_CASE_FIXTURE(KeeperCase,
                    "a lease whose nodes fall silent fails to extend, and is lost before its end") {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).silent = true;
    start();
    CHECK(eventually([&] { return lost.load(); }));
    keeper->stop();
    REQUIRE(keeper->loss());
    CHECK(std::holds_alternative<quorum::Expired>(*keeper->loss()));
    CHECK(failed > 0);
    CHECK(network.boot_now() <= won.valid_until - 100ms);
  }
}

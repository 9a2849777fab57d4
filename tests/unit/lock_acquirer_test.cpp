#include "lock/acquirer.hpp"
#include "lock_fixture.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace redlock;
using namespace redlock::test;
using namespace std::chrono_literals;
using quorum::Cancelled;
using quorum::Held;
using quorum::NoQuorum;
using quorum::Won;

namespace {

struct AcquirerCase : LockCase {
  lock::Driver driver{options()};
  lock::Acquirer acquirer{driver};
  quorum::AcquireRules rules{.ttl = 10s, .node_timeout = kNodeTimeout, .least_validity = 1s};
  lock::WaitPolicy policy{.nonblock = true, .retry_delay = 200ms};
  TimePoint began = network.boot_now();
  unsigned waits = 0;

  quorum::AcquireVerdict acquire(std::span<const int> wake_fds = {}) {
    return acquirer.acquire(rules, policy, wake_fds, [this](const quorum::AcquireVerdict&) { ++waits; });
  }
  Duration took() { return network.boot_now() - began; }
  // Somebody else holds the lock on these nodes.
  void occupy(std::initializer_list<std::size_t> nodes) {
    for (const std::size_t node : nodes) network.node(node).token = "theirs";
  }
  std::size_t with_token() {
    std::size_t number = 0;
    for (std::size_t i = 0; i < driver.size(); ++i) {
      const std::string& token = network.node(i).token;
      number += !token.empty() && token != "theirs" ? 1 : 0;
    }
    return number;
  }
};

}  // namespace

TEST_SUITE("lock acquirer") {
  TEST_CASE_FIXTURE(AcquirerCase, "a free lock is won in one round trip") {
    REQUIRE(std::holds_alternative<Won>(acquire()));
    CHECK(took() == 1ms);
    CHECK(waits == 0);
    CHECK(acquirer.troubles().empty());
  }

  TEST_CASE_FIXTURE(AcquirerCase, "what an attempt in vain was granted is released before it returns") {
    occupy({0, 1});
    REQUIRE(std::holds_alternative<Held>(acquire()));
    CHECK(network.node(2).count(RequestKind::Acquire) == 1);
    CHECK(with_token() == 0);
    CHECK(network.node(2).count(RequestKind::Release) == 1);
  }

  TEST_CASE_FIXTURE(AcquirerCase,
                    "an attempt in vain repeats a release that a broken connection has swallowed") {
    occupy({0, 1});
    network.node(2).breaks_on = RequestKind::Release;
    REQUIRE(std::holds_alternative<Held>(acquire()));
    CHECK(network.node(2).count(RequestKind::Release) == 2);
    CHECK(with_token() == 0);
  }

  TEST_CASE_FIXTURE(AcquirerCase, "a readable descriptor cancels the attempt within a round trip") {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).latency = 40ms;
    const int wake_fds[] = {network.readable_from(began + 10ms)};
    REQUIRE(std::holds_alternative<Cancelled>(acquire(wake_fds)));
    CHECK(with_token() == 0);
    CHECK(network.node(0).count(RequestKind::Release) == 1);
    CHECK(took() <= 10ms + 40ms);
  }

  TEST_CASE_FIXTURE(AcquirerCase,
                    "nodes that hang hold up no cancelled attempt, with the releases in their sockets") {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).silent = true;
    const int wake_fds[] = {network.readable_from(began + 10ms)};
    REQUIRE(std::holds_alternative<Cancelled>(acquire(wake_fds)));
    CHECK(took() == 10ms);
  }

  TEST_CASE_FIXTURE(AcquirerCase, "an answer after its deadline is no vote, and its grant is released") {
    network.node(1).latency = kNodeTimeout + 1ms;
    network.node(2).latency = kNodeTimeout + 1ms;
    REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
    CHECK(with_token() == 0);
    CHECK(acquirer.troubles().size() == 2);
  }

  TEST_CASE_FIXTURE(AcquirerCase, "a vote that a stopped process reads after its deadline does not count") {
    network.oversleep(kNodeTimeout + 1ms);
    REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
    CHECK(network.node(0).count(RequestKind::Acquire) == 1);
    CHECK(with_token() == 0);
  }

  TEST_CASE_FIXTURE(AcquirerCase, "attempts go on until the lock is free, or as often as the policy says") {
    policy.nonblock = false;
    policy.retry_count = 3;
    occupy({0, 1, 2});
    SUBCASE("it stays held") {
      REQUIRE(std::holds_alternative<Held>(acquire()));
      CHECK(network.node(0).count(RequestKind::Acquire) == 4);
      CHECK(waits == 3);
    }
    SUBCASE("it falls free") {
      const auto free_it = [&](const quorum::AcquireVerdict&) {
        for (std::size_t i = 0; i < 3; ++i) network.node(i).token.clear();
      };
      REQUIRE(std::holds_alternative<Won>(acquirer.acquire(rules, policy, {}, free_it)));
      CHECK(network.node(0).count(RequestKind::Acquire) == 2);
      CHECK(took() <= 1.5 * 200ms + 2ms);
    }
  }

  TEST_CASE_FIXTURE(AcquirerCase, "the last attempt is made when the time is up") {
    policy.nonblock = false;
    policy.retry_count = 1000;
    policy.until = began + 1s;
    occupy({0, 1, 2});
    REQUIRE(std::holds_alternative<Held>(acquire()));
    CHECK(took() >= 1s);
    CHECK(took() <= 1s + 2ms);
  }

  TEST_CASE_FIXTURE(AcquirerCase, "a readable descriptor ends the pause between two attempts") {
    policy.nonblock = false;
    policy.retry_count = 1000;
    occupy({0, 1, 2});
    const int wake_fds[] = {network.readable_from(began + 50ms)};
    REQUIRE(std::holds_alternative<Cancelled>(acquire(wake_fds)));
    CHECK(took() <= 51ms);
  }

  TEST_CASE_FIXTURE(AcquirerCase, "a vote that comes after the win is told of the fence before the end") {
    network.node(0).fence = std::uint64_t{1} << 52U;  // ahead of any clock: the fence is its number plus one
    network.node(2).latency = 3ms;
    REQUIRE(std::holds_alternative<Won>(acquire()));
    REQUIRE(took() == 2ms);
    acquirer.settle();
    CHECK(network.node(2).count(RequestKind::Confirm) == 1);
    CHECK(with_token() == 3);
  }
}

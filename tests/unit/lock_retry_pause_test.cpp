#include "lock_fixture.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>

using namespace redlock;
using namespace redlock::test;
using namespace std::chrono_literals;
using quorum::NoQuorum;
using quorum::Split;
using quorum::Won;

namespace {

// A client that waits while nobody can have the lock.
struct RetryPauseCase : AcquirerCase {
  RetryPauseCase() { policy.quorum_wait = 1h; }

  quorum::AcquireVerdict acquire(std::function<void(const quorum::AcquireVerdict&)> on_waiting = {}) {
    return acquirer.acquire(rules, policy, {}, [&](const quorum::AcquireVerdict& verdict) {
      if (on_waiting) on_waiting(verdict);
    });
  }
  std::size_t asked(std::size_t node) { return network.node(node).requests.size(); }
  void leave_a_vote() {
    network.node(0).token = "theirs";
    network.node(2).refuses = true;
  }
};

}  // namespace

TEST_SUITE("lock retry pause") {
  TEST_CASE_FIXTURE(RetryPauseCase, "while votes stay split the nodes are asked less and less") {
    leave_a_vote();
    policy.until = began + 10min;
    REQUIRE(std::holds_alternative<Split>(acquire()));
    // Five seconds, or half of that with the jitter that this entropy gives.
    CHECK(asked(0) <= 600 / 2.5 + 30);
    CHECK(asked(0) >= 60);
    CHECK(asked(1) <= 600 / 2.5 + 30);
    CHECK(network.node(1).count(RequestKind::Acquire) <= 5);  // all of the first attempt: later ones look
  }

  TEST_CASE_FIXTURE(RetryPauseCase,
                    "the next in the queue comes back at once after a split, and then less and less") {
    leave_a_vote();
    rules.waiter = quorum::QueueEntry{1, 2};
    for (const int ahead : {0, 1, 2}) {
      network.node(0).ahead = ahead;
      network.node(0).token = "contender " + std::to_string(ahead);  // another picture
      std::vector<TimePoint> attempts;
      policy.until = network.boot_now() + 1min;
      REQUIRE(std::holds_alternative<Split>(
          acquire([&](const auto&) { attempts.push_back(network.boot_now()); })));
      REQUIRE(attempts.size() > 2);
      CHECK((attempts[1] - attempts[0] < 50ms) == (ahead < 2));
      CHECK(attempts.size() < 40);
    }
  }

  TEST_CASE_FIXTURE(RetryPauseCase,
                    "without a quorum the nodes that are there are asked less and less, too") {
    for (const std::size_t away : {1U, 2U}) network.node(away).refuses = true;
    policy.until = began + 10min;
    REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
    CHECK(asked(0) <= 600 / 2.5 + 30);
    CHECK(network.node(0).count(RequestKind::Acquire) == 1);
  }

  TEST_CASE_FIXTURE(RetryPauseCase, "nodes that are back are noticed within about a second") {
    for (const std::size_t away : {1U, 2U}) network.node(away).refuses = true;
    TimePoint back{};
    REQUIRE(std::holds_alternative<Won>(acquire([&](const auto&) {
      if (took() < 1min || back != TimePoint{}) return;
      back = network.boot_now();
      for (const std::size_t away : {1U, 2U}) network.node(away).refuses = false;
    })));
    REQUIRE(back != TimePoint{});
    CHECK(network.boot_now() - back <= 1500ms);
  }

  TEST_CASE_FIXTURE(RetryPauseCase, "another picture makes the pauses short again") {
    leave_a_vote();
    std::size_t before = 0;
    policy.until = began + 70s;
    REQUIRE(std::holds_alternative<Split>(acquire([&](const auto&) {
      if (took() < 1min || before > 0) return;
      before = asked(0);
      network.node(0).token = "another";
    })));
    REQUIRE(before > 0);
    CHECK(asked(0) >= before + 7);  // and else 4
  }

  TEST_CASE_FIXTURE(RetryPauseCase, "attempts that are counted are retry_delay apart") {
    leave_a_vote();
    policy.retry_count = 100;
    REQUIRE(std::holds_alternative<Split>(acquire()));
    CHECK(took() >= 100 * 100ms);
    CHECK(took() <= 100 * 320ms);
  }
}

#include "lock/inspector.hpp"
#include "lock/manual.hpp"
#include "lock_fixture.hpp"
#include "redis/node_error.hpp"

#include <doctest/doctest.h>

using namespace redlock;
using namespace redlock::test;
using namespace std::chrono_literals;
using Result = quorum::ReleaseResult;

namespace {

struct ManualCase : LockCase {
  lock::Driver driver{options()};
  void hold() {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).token = "ours";
    for (std::size_t i = 0; i < 3; ++i) network.node(i).fence = 7;
  }
};

}  // namespace

TEST_SUITE("locks by hand") {
  TEST_CASE_FIXTURE(ManualCase, "a lock of another process is extended by its token") {
    hold();
    const auto extended = lock::extend_by_hand(driver, {"ours"}, 10s);
    REQUIRE(std::holds_alternative<quorum::LeaseExtended>(extended.verdict));
    CHECK(std::get<quorum::LeaseExtended>(extended.verdict).fence == 7);
    CHECK(extended.troubles.empty());
  }

  TEST_CASE_FIXTURE(ManualCase, "without a quorum, each node in trouble is named") {
    hold();
    network.node(0).refuses = true;
    network.node(2).refuses = true;
    SUBCASE("extending") {
      const auto extended = lock::extend_by_hand(driver, {"ours"}, 10s);
      CHECK(std::holds_alternative<quorum::NoQuorum>(extended.verdict));
      CHECK(extended.troubles.size() == 2);
    }
    SUBCASE("releasing") {
      const auto released = lock::release_by_hand(driver, {.token = {"ours"}, .note = 10s});
      CHECK(released.result == Result::NoQuorum);
      CHECK(released.removed == 1);
      CHECK(released.troubles.size() == 2);
    }
  }

  TEST_CASE_FIXTURE(ManualCase, "a release by hand waits for each node that can answer") {
    hold();
    network.node(2).latency = 50ms;
    const auto released = lock::release_by_hand(driver, {.token = {"ours"}, .note = 10s});
    CHECK(released.result == Result::Ours);
    CHECK(released.removed == 3);
    CHECK(network.node(2).token.empty());
  }

  TEST_CASE_FIXTURE(ManualCase, "a lock without a TTL, which leaves no note, is broken on all nodes") {
    hold();
    network.node(2).latency = 50ms;
    const auto released = lock::release_by_hand(driver, {.token = {"ours"}, .note = 0ms, .breaks = true});
    CHECK(released.result == Result::Ours);
    CHECK(released.removed == 3);
  }

  TEST_CASE_FIXTURE(ManualCase, "a release by hand leaves another's lock alone") {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).token = "theirs";
    const auto released = lock::release_by_hand(driver, {.token = {"ours"}, .note = 10s});
    CHECK(released.result == Result::Others);
    CHECK(released.removed == 0);
    CHECK(network.node(0).token == "theirs");
  }
}

TEST_SUITE("inspector") {
  TEST_CASE_FIXTURE(LockCase, "each question has its outcome, in the order of the questions") {
    network.node(0).latency = 20ms;
    network.node(1).token = "theirs";
    network.node(2).silent = true;
    lock::Inspector inspector{options()};
    const TimePoint began = network.boot_now();
    const auto responses = inspector.ask({{.node = 2, .words = {"GET", "k"}},
                                          {.node = 1, .words = {"GET", "k"}},
                                          {.node = 0, .words = {"GET", "k"}},
                                          {.node = 0, .words = {"NONSENSE"}}});
    REQUIRE(responses);
    REQUIRE(responses->size() == 4);
    CHECK(std::get<quorum::Failure>((*responses)[0].what).kind == redis::NodeError::TimedOut);
    CHECK(std::get<redis::Value>((*responses)[1].what).text == "theirs");
    CHECK((*responses)[1].took == 1ms);
    CHECK(std::get<redis::Value>((*responses)[2].what).type == redis::Value::Type::Nil);
    CHECK((*responses)[2].took == 20ms);
    CHECK(std::holds_alternative<quorum::Failure>((*responses)[3].what));
    CHECK(network.boot_now() == began + kNodeTimeout);
  }

  TEST_CASE_FIXTURE(LockCase, "a readable descriptor ends the asking, and later answers are for nobody") {
    network.node(0).latency = 20ms;
    lock::Inspector inspector{options()};
    const TimePoint began = network.boot_now();
    const int wake_fds[] = {network.readable_from(began + 5ms)};
    CHECK_FALSE(inspector.ask({{.node = 0, .words = {"GET", "old"}}}, wake_fds));
    CHECK(network.boot_now() == began + 5ms);
    network.node(0).token = "new";
    const auto responses = inspector.ask({{.node = 0, .words = {"GET", "new"}}});
    REQUIRE(responses);
    CHECK(std::get<redis::Value>(responses->front().what).text == "new");
  }

  TEST_CASE_FIXTURE(LockCase, "a node that hung is asked no more where it would hold up each probe") {
    network.node(2).silent = true;
    lock::Inspector inspector{options()};
    const auto first = inspector.probe({"k"}, {}, true);
    const TimePoint began = network.boot_now();
    const auto second = inspector.probe({"k"}, {}, true);
    REQUIRE(second);
    CHECK(network.boot_now() == began + 1ms);
    REQUIRE(second->front()[2].failure() != nullptr);
    CHECK(second->front()[2].failure()->detail == "when it was last asked");
    network.node(2).silent = false;
    inspector.probe({"k"});
    CHECK(inspector.probe({"k"}, {}, true)->front()[2].took == 1ms);
  }
}

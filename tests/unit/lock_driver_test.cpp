#include "fake_network.hpp"
#include "lock/driver.hpp"
#include "lock_fixture.hpp"
#include "quorum/extend_op.hpp"
#include "quorum/release_op.hpp"

#include <doctest/doctest.h>

using namespace redlock;
using namespace redlock::test;
using namespace std::chrono_literals;

namespace {

struct DriverCase : LockCase {
  lock::Driver driver{options()};
  quorum::ReleaseOp releasing(std::chrono::milliseconds note = {}) {
    return {driver.membership(), {.token = {"ours"}, .note = note}, kNodeTimeout, driver.ids()};
  }
  // Every node has granted the lock to this driver.
  void hold() {
    quorum::AcquireOp acquisition{{.ttl = 10s, .node_timeout = kNodeTimeout, .least_validity = 1s},
                                  driver.membership(),
                                  driver.ids(),
                                  driver.entropy()};
    driver.start(acquisition);
    driver.run(acquisition);
    REQUIRE(std::holds_alternative<quorum::Won>(*acquisition.verdict()));
    token = std::get<quorum::Won>(*acquisition.verdict()).token;
  }
  quorum::Token token;
};

}  // namespace

TEST_SUITE("lock driver") {
  TEST_CASE_FIXTURE(DriverCase, "an operation runs until it is done") {
    hold();
    quorum::ReleaseOp releasing{driver.membership(), {.token = token}, kNodeTimeout, driver.ids()};
    driver.start(releasing);
    CHECK_FALSE(driver.run(releasing));
    CHECK(releasing.done());
    CHECK(releasing.result() == quorum::ReleaseResult::Ours);
    CHECK(network.node(0).token.empty());
  }

  TEST_CASE_FIXTURE(DriverCase, "a readable descriptor ends the run at that moment, and is named") {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).silent = true;
    quorum::ReleaseOp releasing = this->releasing(1s);
    const TimePoint began = network.boot_now();
    driver.start(releasing);
    const int wake_fds[] = {network.readable_from(began + 1h), network.readable_from(began + 7ms)};
    CHECK(driver.run(releasing, TimePoint::max(), wake_fds) == wake_fds[1]);
    CHECK(network.boot_now() == began + 7ms);
    CHECK_FALSE(releasing.done());
  }

  TEST_CASE_FIXTURE(DriverCase, "a run ends when its time is up") {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).silent = true;
    quorum::ReleaseOp releasing = this->releasing(1s);
    const TimePoint until = network.boot_now() + 30ms;
    driver.start(releasing);
    CHECK_FALSE(driver.run(releasing, until));
    CHECK(network.boot_now() == until);
  }

  TEST_CASE_FIXTURE(DriverCase, "a release whose connection breaks is sent again until the node has it") {
    hold();
    network.node(1).breaks_on = RequestKind::Release;
    quorum::ReleaseOp releasing{driver.membership(), {.token = token}, kNodeTimeout, driver.ids()};
    driver.start(releasing);
    while (!releasing.settled()) driver.turn(releasing, TimePoint::max());
    CHECK(network.node(1).count(RequestKind::Release) == 2);
    CHECK(network.node(1).token.empty());
    CHECK(releasing.removed() == 3);
  }

  TEST_CASE_FIXTURE(DriverCase, "a release is repeated also while no operation runs, or another one") {
    hold();
    network.node(1).breaks_on = RequestKind::Release;
    {
      quorum::ReleaseOp releasing{driver.membership(), {.token = token}, kNodeTimeout, driver.ids()};
      driver.start(releasing);
    }
    SUBCASE("none") {
      while (driver.owes(1)) driver.turn(TimePoint::max());
    }
    SUBCASE("another") {
      quorum::ExtendOp extension{
          {.ttl = 10s, .node_timeout = kNodeTimeout}, {"another"}, driver.membership(), driver.ids()};
      driver.start(extension);
      driver.run(extension);
      CHECK(extension.done());
      while (driver.owes(1)) driver.turn(extension, TimePoint::max());
    }
    CHECK(network.node(1).token.empty());
  }

  TEST_CASE_FIXTURE(DriverCase,
                    "a release goes to no node that no request has reached, unless it is by hand") {
    network.node(2).refuses = true;
    hold();
    network.node(2).refuses = false;
    SUBCASE("without a note, the node counts as failed at once") {
      quorum::ReleaseOp releasing{driver.membership(), {.token = token}, kNodeTimeout, driver.ids()};
      driver.start(releasing);
      CHECK_FALSE(driver.owes(2));
      while (!releasing.settled()) driver.turn(releasing, TimePoint::max());
      CHECK(network.node(2).requests.empty());
    }
    SUBCASE("with a note, it goes to all") {
      quorum::ReleaseOp releasing{
          driver.membership(), {.token = token, .note = 1s}, kNodeTimeout, driver.ids()};
      driver.start(releasing);
      while (!releasing.settled()) driver.turn(releasing, TimePoint::max());
      CHECK(network.node(2).count(RequestKind::Release) == 1);
    }
  }

  TEST_CASE_FIXTURE(DriverCase, "the listener hears first, and keeps from the operation what it takes") {
    std::size_t heard = 0;
    driver.set_listener([&](redis::Event& event) {
      ++heard;
      return event.node == 0;
    });
    quorum::ReleaseOp releasing = this->releasing(1s);
    driver.start(releasing);
    driver.run(releasing, network.boot_now() + 10ms);
    CHECK(heard == 3);
    driver.set_listener({});
    CHECK(releasing.done());
    CHECK_FALSE(releasing.settled());
  }
}

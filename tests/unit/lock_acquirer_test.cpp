#include "lock_fixture.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>

using namespace redlock;
using namespace redlock::test;
using namespace std::chrono_literals;
using quorum::Cancelled;
using quorum::Held;
using quorum::NoQuorum;
using quorum::Won;

namespace {

struct OneAttempt : AcquirerCase {
  OneAttempt() { policy.nonblock = true; }

  unsigned waits = 0;

  quorum::AcquireVerdict acquire(std::span<const int> wake_fds = {}) {
    return acquirer.acquire(rules, policy, wake_fds, [this](const quorum::AcquireVerdict&) { ++waits; });
  }
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

// The quorum comes and goes.
struct QuorumCase : OneAttempt {
  QuorumCase() {
    policy.nonblock = false;
    policy.quorum_wait = 5s;
  }
  void set_away(bool away) {
    for (const std::size_t node : {1, 2}) network.node(node).refuses = network.node(node).silent = away;
  }
  quorum::AcquireVerdict acquire_with(const std::function<void(const quorum::AcquireVerdict&)>& change) {
    return acquirer.acquire(rules, policy, {}, change);
  }
};

}  // namespace

TEST_SUITE("lock acquirer") {
  TEST_CASE_FIXTURE(OneAttempt, "a free lock is won in one round trip") {
    REQUIRE(std::holds_alternative<Won>(acquire()));
    CHECK(took() == 1ms);
    CHECK(waits == 0);
    CHECK(acquirer.troubles().empty());
  }

  TEST_CASE_FIXTURE(OneAttempt, "what an attempt in vain was granted is released before it returns") {
    occupy({0, 1});
    REQUIRE(std::holds_alternative<Held>(acquire()));
    CHECK(network.node(2).count(RequestKind::Acquire) == 1);
    CHECK(with_token() == 0);
    CHECK(network.node(2).count(RequestKind::Release) == 1);
  }

  TEST_CASE_FIXTURE(OneAttempt, "it does not wait for a holder for whom that is in vain") {
    occupy({0, 1});
    policy = {.retry_delay = 200ms, .in_vain = [](const quorum::Refused& refused) {
                return refused.holder == quorum::Token{"theirs"};
              }};
    REQUIRE(std::holds_alternative<Held>(acquire()));
    CHECK(waits == 0);
    CHECK(with_token() == 0);
    REQUIRE(acquirer.find_refusal(policy.in_vain) != nullptr);
    CHECK(acquirer.find_refusal([](const quorum::Refused&) { return false; }) == nullptr);
    CHECK(acquirer.find_refusal({}) == nullptr);

    policy.in_vain = [](const quorum::Refused& refused) { return refused.holder != quorum::Token{"theirs"}; };
    policy.until = network.boot_now() + 1s;
    REQUIRE(std::holds_alternative<Held>(acquire()));
    CHECK(waits > 0);
  }

  TEST_CASE_FIXTURE(OneAttempt,
                    "an attempt in vain repeats a release that a broken connection has swallowed") {
    occupy({0, 1});
    network.node(2).breaks_on = RequestKind::Release;
    REQUIRE(std::holds_alternative<Held>(acquire()));
    CHECK(network.node(2).count(RequestKind::Release) == 2);
    CHECK(with_token() == 0);
  }

  TEST_CASE_FIXTURE(OneAttempt, "a readable descriptor cancels the attempt within a round trip") {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).latency = 40ms;
    const int wake_fds[] = {network.readable_from(began + 10ms)};
    REQUIRE(std::holds_alternative<Cancelled>(acquire(wake_fds)));
    CHECK(with_token() == 0);
    CHECK(network.node(0).count(RequestKind::Release) == 1);
    CHECK(took() <= 10ms + 40ms);
  }

  TEST_CASE_FIXTURE(OneAttempt,
                    "nodes that hang hold up no cancelled attempt, with the releases in their sockets") {
    for (std::size_t i = 0; i < 3; ++i) network.node(i).silent = true;
    const int wake_fds[] = {network.readable_from(began + 10ms)};
    REQUIRE(std::holds_alternative<Cancelled>(acquire(wake_fds)));
    CHECK(took() == 10ms);
  }

  TEST_CASE_FIXTURE(OneAttempt, "an answer after its deadline is no vote, and its grant is released") {
    network.node(1).latency = kNodeTimeout + 1ms;
    network.node(2).latency = kNodeTimeout + 1ms;
    REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
    CHECK(with_token() == 0);
    CHECK(acquirer.troubles().size() == 2);
  }

  TEST_CASE_FIXTURE(OneAttempt, "a vote that a stopped process reads after its deadline does not count") {
    network.oversleep(kNodeTimeout + 1ms);
    REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
    CHECK(network.node(0).count(RequestKind::Acquire) == 1);
    CHECK(with_token() == 0);
  }

  TEST_CASE_FIXTURE(OneAttempt, "attempts go on until the lock is free, or as often as the policy says") {
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

  TEST_CASE_FIXTURE(OneAttempt, "the last attempt is made when the time is up") {
    policy.nonblock = false;
    policy.retry_count = 1000;
    policy.until = began + 1s;
    occupy({0, 1, 2});
    REQUIRE(std::holds_alternative<Held>(acquire()));
    CHECK(took() >= 1s);
    CHECK(took() <= 1s + 2ms);
  }

  TEST_CASE_FIXTURE(QuorumCase, "without a quorum attempts go on for quorum_wait, whatever the reason") {
    SUBCASE("connections are refused") {
      set_away(true);
    }
    SUBCASE("nodes are silent") {
      for (const std::size_t node : {1, 2}) network.node(node).silent = true;
    }
    REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
    CHECK(took() >= 5s);
    CHECK(took() <= 5s + 2 * kNodeTimeout);
    CHECK(network.node(0).count(RequestKind::Acquire) == 1);
    CHECK(network.node(0).count(RequestKind::Probe) > 3);
    CHECK(with_token() == 0);
  }

  TEST_CASE_FIXTURE(QuorumCase, "a quorum that comes in time is as good as one from the start") {
    set_away(true);
    const auto verdict = acquire_with([&](const quorum::AcquireVerdict&) {
      if (took() > 2s) set_away(false);
    });
    CHECK(std::holds_alternative<Won>(verdict));
  }

  TEST_CASE_FIXTURE(QuorumCase, "whichever is less of wait and quorum_wait ends the attempts") {
    set_away(true);
    SUBCASE("wait") {
      policy.until = began + 2s;
    }
    SUBCASE("quorum_wait") {
      policy.until = began + 60s;
      policy.quorum_wait = 2s;
    }
    REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
    CHECK(took() >= 2s);
    CHECK(took() <= 2s + 2 * kNodeTimeout);
  }

  TEST_CASE_FIXTURE(QuorumCase, "a quorum_wait of zero is one attempt, and so is nonblock with any") {
    set_away(true);
    SUBCASE("zero") {
      policy.quorum_wait = 0s;
    }
    SUBCASE("nonblock") {
      policy.nonblock = true;
    }
    REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
    CHECK(took() <= kNodeTimeout);
    CHECK(waits == 0);
  }

  TEST_CASE_FIXTURE(QuorumCase, "attempts that are counted end with whichever comes first") {
    set_away(true);
    SUBCASE("the count") {
      policy.retry_count = 3;
      REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
      CHECK(waits == 3);
      CHECK(took() < 2s);
    }
    SUBCASE("the time") {
      policy.retry_count = 1000;
      REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
      CHECK(took() >= 5s);
      CHECK(took() <= 5s + 2 * kNodeTimeout);
    }
  }

  TEST_CASE_FIXTURE(QuorumCase,
                    "a lock that is held is waited for, and only the time without a quorum counts") {
    occupy({0, 1, 2});
    TimePoint lost{};
    TimePoint back{};
    const auto verdict = acquire_with([&](const quorum::AcquireVerdict& why) {
      const bool held = std::holds_alternative<Held>(why);
      if (lost == TimePoint{} && took() > 60s) {
        REQUIRE(held);
        set_away(true);
        lost = network.boot_now();
      } else if (back == TimePoint{} && !held && network.boot_now() - lost > 4s) {
        set_away(false);
        back = network.boot_now();
      } else if (back != TimePoint{} && held) {
        set_away(true);  // once more, and now for good
        lost = network.boot_now();
      }
    });
    REQUIRE(std::holds_alternative<NoQuorum>(verdict));
    REQUIRE(back != TimePoint{});
    CHECK(network.boot_now() - lost >= 5s);
    CHECK(network.boot_now() - lost <= 6s);
  }

  TEST_CASE_FIXTURE(QuorumCase, "a signal while the quorum is away gives it no more time") {
    set_away(true);
    const int wake_fds[] = {network.readable_from(began + 4s)};
    REQUIRE(std::holds_alternative<Cancelled>(acquire(wake_fds)));
    REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
    CHECK(took() >= 5s);
    CHECK(took() <= 5s + 2 * kNodeTimeout);
  }

  TEST_CASE_FIXTURE(
      QuorumCase,
      "by default a quorum may be away for a minute, and for as long as nodes may be in quarantine") {
    CHECK(lock::default_quorum_wait(0s) == 1min);
    CHECK(lock::default_quorum_wait(50s) == 1min);
    CHECK(lock::default_quorum_wait(51s) == 61s);
    policy.quorum_wait.reset();
    set_away(true);
    SUBCASE("without a quarantine") {
      REQUIRE(std::holds_alternative<NoQuorum>(acquire()));
      CHECK(took() >= 1min);
      CHECK(took() <= 1min + 2 * kNodeTimeout);
    }
    SUBCASE("with one that a holder's TTL has made longer") {
      lock::Driver quarantined{[&] {
        lock::DriverOptions with = options();
        with.restart_quarantine = 30s;
        return with;
      }()};
      quorum::Refused shown{.holder = {"theirs"}, .remaining = 10min, .info = {}};
      shown.holder_ttl = 10min;
      quarantined.membership().on_answer(quarantined.now(), quarantined.now().boot, 0, &shown);
      lock::Acquirer patient{quarantined};
      REQUIRE(std::holds_alternative<NoQuorum>(patient.acquire(rules, policy, {}, [](const auto&) {})));
      CHECK(took() >= 10min);
      CHECK(took() <= 10min + 10s + 2 * kNodeTimeout);
    }
  }

  TEST_CASE_FIXTURE(OneAttempt, "a readable descriptor ends the pause between two attempts") {
    policy.nonblock = false;
    policy.retry_count = 1000;
    occupy({0, 1, 2});
    const int wake_fds[] = {network.readable_from(began + 50ms)};
    REQUIRE(std::holds_alternative<Cancelled>(acquire(wake_fds)));
    CHECK(took() <= 51ms);
  }

  TEST_CASE_FIXTURE(OneAttempt, "a vote that comes after the win is told of the fence before the end") {
    network.node(0).fence = std::uint64_t{1} << 52U;  // ahead of any clock: the fence is its number plus one
    network.node(2).latency = 3ms;
    REQUIRE(std::holds_alternative<Won>(acquire()));
    REQUIRE(took() == 2ms);
    acquirer.settle();
    CHECK(network.node(2).count(RequestKind::Confirm) == 1);
    CHECK(with_token() == 3);
  }
}

#include "lock/lock_status.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace redlock;
using namespace redlock::lock;
using namespace redlock::quorum;
using redis::NodeLockState;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow{1h};

Observation observation(std::variant<NodeLockState, Failure> answer) {
  return {.sent = kNow, .took = 1ms, .answer = std::move(answer)};
}
Observation shows(const std::string& token, std::chrono::milliseconds remaining = 10s, Fence counter = 7) {
  return observation(
      NodeLockState{.holder = Token{token},
                    .remaining = remaining,
                    .info = {.host = "web3", .user = "carol", .command = "backup", .pid = 812, .since_us = 5},
                    .counter = counter,
                    .waiting = 0});
}
Observation shows_foreign(const std::string& token) {
  Observation one = shows(token);
  std::get<NodeLockState>(one.answer).info = {};
  return one;
}
Observation absent() {
  return observation(NodeLockState{});
}
Observation fails() {
  return observation(Failure{});
}

LockStatus status_of(const Observations& observations) {
  return lock_status(observations, Membership{observations.size(), 0s});
}
LockState state_of(const Observations& observations) {
  return status_of(observations).state;
}

constexpr std::chrono::seconds kLongUp{24h};
Identity identity(Role role, std::chrono::seconds uptime = kLongUp) {
  return {.known = true, .run_id = "", .uptime = uptime, .role = role, .cluster = false};
}

}  // namespace

TEST_SUITE("status of a lock") {
  TEST_CASE("a rest or a lease that nodes which restarted may have forgotten is left over, and not split") {
    Membership membership{3, 2s};
    for (NodeIndex node = 0; node < 3; ++node)
      membership.on_identity({.boot = kNow}, node, identity(Role::Master, node == 2 ? kLongUp : 10s));
    Observation left = shows("a", 1min);
    const LockStatus lease = lock_status({absent(), absent(), left}, membership);
    CHECK(lease.state == LockState::Unknown);
    CHECK(lease.leftover);
    CHECK(lease.contenders.front().free_in == 1min);
    SUBCASE("nodes that have been up for longer have forgotten nothing") {
      const LockStatus split = lock_status({absent(), absent(), shows("a", 5s)}, membership);
      CHECK(split.state == LockState::Split);
      CHECK_FALSE(split.leftover);
    }
    SUBCASE("in the configured quarantine that is told of a rest alone") {
      const Membership quarantined = [&] {
        Membership all{3, 1h};
        for (NodeIndex node = 0; node < 3; ++node)
          all.on_identity({.boot = kNow}, node, identity(Role::Master, node == 2 ? kLongUp : 10s));
        return all;
      }();
      CHECK_FALSE(lock_status({absent(), absent(), left}, quarantined).leftover);
      std::get<NodeLockState>(left.answer).info.resting = Resting{.status = 0, .since = 1min};
      CHECK(lock_status({absent(), absent(), left}, quarantined).leftover);
      CHECK(lock_status({absent(), fails(), left}, quarantined).leftover);  // a quorum has nothing else
      CHECK_FALSE(lock_status({fails(), fails(), left}, quarantined).leftover);
    }
  }

  TEST_CASE("a free lock is kept for a waiter where a quorum keeps it for the same") {
    const auto kept = [](const char* waiter) {
      NodeLockState state{.remaining = {}};
      state.kept_for = Token{waiter};
      return observation(state);
    };
    CHECK(status_of({kept("a"), absent(), kept("a")}).kept_for == Token{"a"});
    CHECK_FALSE(status_of({kept("a"), absent(), kept("b")}).kept_for);
    CHECK_FALSE(status_of({kept("a"), fails(), absent()}).kept_for);
    CHECK_FALSE(status_of({kept("a"), kept("a"), fails(), shows("t"), shows("u")}).kept_for);
  }

  TEST_CASE("a lock rests where all nodes that have the token say so") {
    Observation rests = shows("a");
    std::get<NodeLockState>(rests.answer).info.resting = Resting{.status = 3, .since = 1min};
    const LockStatus all = status_of({rests, absent(), rests});
    REQUIRE(all.holder() != nullptr);
    REQUIRE(all.holder()->info.resting.has_value());
    CHECK(all.holder()->info.resting->status == 3);
    CHECK(all.holder()->info.resting->since == 1min);
    for (const Observations& some :
         {Observations{rests, rests, shows("a")}, Observations{shows("a"), rests, rests}})
      CHECK_FALSE(status_of(some).holder()->info.resting);
  }

  TEST_CASE("one token with a quorum holds the lock") {
    const LockStatus all = status_of({shows("a"), shows("a"), shows("a"), shows("a"), shows("a")});
    REQUIRE(all.holder() != nullptr);
    CHECK(all.holder()->token == Token{"a"});
    CHECK(all.holder()->votes() == 5);
    CHECK(all.holder()->info.user == "carol");
    CHECK(state_of({shows("a"), shows("b"), shows("a"), fails(), shows("a")}) == LockState::Held);
    CHECK(state_of({shows("a")}) == LockState::Held);
  }

  TEST_CASE("tokens of which none can have a quorum are a split") {
    const LockStatus split = status_of({shows("b"), shows("a"), shows("a"), shows("b"), absent()});
    CHECK(split.state == LockState::Split);
    CHECK(split.holder() == nullptr);
    REQUIRE(split.contenders.size() == 2);
    CHECK(split.contenders[0].token == Token{"a"});  // a tie goes to the lesser token
    CHECK(state_of({shows("a"), absent(), absent(), absent(), absent()}) == LockState::Split);
  }

  TEST_CASE("a lock is free when no token can have a quorum anywhere") {
    CHECK(state_of({absent(), absent(), absent(), absent(), absent()}) == LockState::Free);
    CHECK(state_of({absent(), absent(), absent(), fails(), fails()}) == LockState::Free);
  }

  TEST_CASE("too few answers are no answer") {
    CHECK(state_of({absent(), absent(), fails(), fails(), fails()}) == LockState::Unknown);
    CHECK(state_of({shows("a"), shows("a"), fails(), fails(), fails()}) == LockState::Unknown);
    CHECK(state_of({fails()}) == LockState::Unknown);
    // Of four, two cannot hide a quorum, but are none themselves.
    CHECK(state_of({absent(), absent(), fails(), fails()}) == LockState::Unknown);
  }

  TEST_CASE("when the nodes that cannot tell decide it, nobody is told that the lock is free") {
    CHECK(state_of({shows("a"), absent(), absent(), fails(), fails()}) == LockState::Unknown);
    CHECK(state_of({shows("a"), shows("b"), absent(), absent(), fails()}) == LockState::Split);
  }

  TEST_CASE("a node in quarantine is believed what it shows, not that it has nothing") {
    Membership membership{3, 10s};
    const Now now{.boot = kNow, .wall_us = 0};
    membership.on_identity(now, 0, identity(Role::Master, 2s));
    membership.on_identity(now, 1, identity(Role::Master));
    membership.on_identity(now, 2, identity(Role::Master));
    CHECK(lock_status({shows("a"), shows("a"), absent()}, membership).state == LockState::Held);
    CHECK(lock_status({absent(), shows("a"), absent()}, membership).state == LockState::Unknown);
    CHECK(lock_status({absent(), absent(), absent()}, membership).state == LockState::Free);
  }

  TEST_CASE("a replica's token does not count") {
    Membership membership{3, 0s};
    const Now now{.boot = kNow, .wall_us = 0};
    membership.on_identity(now, 0, identity(Role::Replica));
    CHECK(lock_status({shows("a"), shows("a"), absent()}, membership).state == LockState::Unknown);
    CHECK(lock_status({shows("a"), shows("a"), shows("a")}, membership).state == LockState::Held);
    CHECK(lock_status({shows("a"), absent(), absent()}, membership).state == LockState::Free);
  }

  TEST_CASE("a token on two addresses of one server has one vote") {
    Membership membership{3, 0s};
    const Now now{.boot = kNow, .wall_us = 0};
    for (const NodeIndex node : {NodeIndex{0}, NodeIndex{1}}) {
      Identity same = identity(Role::Master);
      same.run_id = "a";
      membership.on_identity(now, node, same);
    }
    CHECK(lock_status({shows("a"), shows("a"), absent()}, membership).state == LockState::Split);
    CHECK(lock_status({shows("a"), shows("a"), fails()}, membership).state == LockState::Unknown);
    CHECK(lock_status({shows("a"), absent(), shows("a")}, membership).state == LockState::Held);
  }

  TEST_CASE("the remaining time is that until a quorum is free") {
    const auto remaining = [](const Observations& observations) {
      return status_of(observations).holder()->free_in;
    };
    CHECK(remaining({shows("a", 1s), shows("a", 5s), shows("a", 3s), shows("a", 2s), shows("a", 4s)}) ==
          Duration{3s});
    CHECK(remaining({shows("a", 1s), shows("a", 5s), shows("a", 3s), absent(), absent()}) == Duration{1s});
    CHECK(remaining({shows("a", 4s)}) == Duration{4s});
    SUBCASE("keys without a TTL do not expire") {
      CHECK_FALSE(remaining({shows("a", -1ms), shows("a", -1ms), shows("a", 3s)}));
      CHECK(remaining({shows("a", -1ms), shows("a", 2s), shows("a", 3s)}) == Duration{3s});
    }
  }

  TEST_CASE("the fence is told when a quorum of the holder's nodes agrees about it") {
    const auto fence = [](const Observations& observations) {
      return status_of(observations).holder()->fence;
    };
    CHECK(fence({shows("a", 1s, 9), shows("a", 1s, 9), shows("a", 1s, 9)}) == 9);
    CHECK(fence({shows("a", 1s, 8), shows("a", 1s, 9), shows("a", 1s, 9)}) == 9);
    CHECK(fence({shows("a", 1s, 10), shows("a", 1s, 9), shows("a", 1s, 9)}) == 9);  // a late vote
    CHECK(fence({shows("a", 1s, 7), shows("a", 1s, 8), shows("a", 1s, 9)}) == 0);
    CHECK(fence({shows("a", 1s, 0), shows("a", 1s, 0), shows("a", 1s, 0)}) == 0);
  }

  TEST_CASE("a holder that says nothing of itself is a foreign one, and has no fence") {
    const LockStatus foreign = status_of({shows_foreign("a"), shows_foreign("a"), absent()});
    REQUIRE(foreign.holder() != nullptr);
    CHECK(is_anonymous(foreign.holder()->info));
    CHECK(foreign.holder()->fence == 0);
    // One node that knows is enough.
    CHECK(status_of({shows_foreign("a"), shows("a"), absent()}).holder()->info.host == "web3");
  }
}

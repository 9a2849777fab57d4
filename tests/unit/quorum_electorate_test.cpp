#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {
const Now kNow{.boot = TimePoint{1h}, .wall_us = kWallUs};
}

TEST_CASE("a node that has said nothing, or may not, has a vote") {
  Electorate electorate{2, 10s};
  CHECK(electorate.standing(0, kNow.boot) == Standing::Voter);
  electorate.on_identity(kNow, 0, Identity{});
  CHECK(electorate.standing(0, kNow.boot) == Standing::Voter);
  CHECK(electorate.anonymous(0));
  CHECK_FALSE(electorate.anonymous(1));
}

TEST_CASE("a node is in quarantine until it has surely been up for long enough") {
  Electorate electorate{1, 10s};
  // INFO's seconds are up to one more than the truth.
  electorate.on_identity(kNow, 0, identity("a", 10s));
  CHECK(electorate.standing(0, kNow.boot) == Standing::Quarantined);
  CHECK(electorate.quarantine_left(0, kNow.boot) == Duration{1s});
  CHECK(electorate.standing(0, kNow.boot + 999ms) == Standing::Quarantined);
  CHECK(electorate.standing(0, kNow.boot + 1s) == Standing::Voter);
  CHECK(electorate.quarantine_left(0, kNow.boot + 1s) == Duration::zero());
}

TEST_CASE("uptime counts from when it was heard, however early the request was sent") {
  Electorate electorate{1, 10s};
  electorate.on_identity(kNow, 0, identity("a", 11s));
  CHECK(electorate.standing(0, kNow.boot - 5s) == Standing::Voter);
  electorate.on_identity(kNow, 0, identity("a", 3s));
  CHECK(electorate.standing(0, kNow.boot - 5s) == Standing::Quarantined);
}

TEST_CASE("a node that says on a new connection that it restarted goes into quarantine") {
  Electorate electorate{1, 10s};
  electorate.on_identity(kNow, 0, identity("a", 1h));
  CHECK(electorate.standing(0, kNow.boot) == Standing::Voter);
  electorate.on_identity({.boot = kNow.boot + 5s, .wall_us = 0}, 0, identity("b", 0s));
  CHECK(electorate.standing(0, kNow.boot + 5s) == Standing::Quarantined);
}

TEST_CASE(
    "a node whose clock was set back behind its start has been up for as long as we have known its process") {
  const auto at = [](Duration later) { return Now{.boot = kNow.boot + later, .wall_us = kWallUs}; };
  Electorate electorate{1, 10s};
  electorate.on_identity(kNow, 0, identity("a", -1h));
  CHECK(electorate.clock_set_back(0));
  CHECK(electorate.standing(0, kNow.boot) == Standing::Quarantined);
  CHECK(electorate.quarantine_left(0, kNow.boot) == Duration{10s});
  // A new connection to the same process changes nothing.
  electorate.on_identity(at(8s), 0, identity("a", -1h + 8s));
  CHECK(electorate.standing(0, kNow.boot + 8s) == Standing::Quarantined);
  CHECK(electorate.standing(0, kNow.boot + 10s) == Standing::Voter);
  // Another process does.
  electorate.on_identity(at(20s), 0, identity("b", -1h));
  CHECK(electorate.standing(0, kNow.boot + 29s) == Standing::Quarantined);
  CHECK(electorate.standing(0, kNow.boot + 30s) == Standing::Voter);
  // Without a name nobody can tell whether it is the same.
  electorate.on_identity(at(40s), 0, identity("", -1h));
  electorate.on_identity(at(48s), 0, identity("", -1h));
  CHECK(electorate.standing(0, kNow.boot + 50s) == Standing::Quarantined);
  electorate.on_identity(at(50s), 0, identity("b", 1h));
  CHECK_FALSE(electorate.clock_set_back(0));
}

TEST_CASE("without a quarantine a node whose clock was set back has a vote") {
  Electorate electorate{1, Duration::zero()};
  electorate.on_identity(kNow, 0, identity("a", -1h));
  CHECK(electorate.standing(0, kNow.boot) == Standing::Voter);
}

TEST_CASE("without a quarantine every master has a vote at once") {
  Electorate electorate{1, Duration::zero()};
  electorate.on_identity(kNow, 0, identity("a", 0s));
  CHECK(electorate.standing(0, kNow.boot) == Standing::Voter);
}

TEST_CASE("two nodes with one run_id are one server, unless they do not say it") {
  Electorate electorate{3, 10s};
  electorate.on_identity(kNow, 0, identity("a"));
  electorate.on_identity(kNow, 1, identity("b"));
  CHECK_FALSE(electorate.duplicate());
  electorate.on_identity(kNow, 2, identity("a"));
  CHECK(electorate.duplicate() == std::pair<NodeIndex, NodeIndex>{0, 2});
  electorate.on_identity(kNow, 2, identity(""));
  electorate.on_identity(kNow, 1, identity(""));
  CHECK_FALSE(electorate.duplicate());
}

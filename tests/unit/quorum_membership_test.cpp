#include "quorum_fixture.hpp"

#include <bit>

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {
const Now kNow{.boot = TimePoint{1h}, .wall_us = kWallUs};
}

TEST_CASE("a node that has said nothing, or may not, has a vote") {
  Membership membership{2, 10s};
  CHECK(membership.eligibility(0, kNow.boot) == VoteEligibility::Voter);
  membership.on_identity(kNow, 0, Identity{});
  CHECK(membership.eligibility(0, kNow.boot) == VoteEligibility::Voter);
  CHECK(membership.anonymous(0));
  CHECK_FALSE(membership.anonymous(1));
}

TEST_CASE(
    "a node that may not say whether it is in cluster mode has no vote where a cluster would take the keys") {
  Membership membership{2, 10s, true};
  membership.on_identity(kNow, 0, Identity{});
  membership.on_identity(kNow, 1, identity("a", 100s));
  CHECK(membership.eligibility(0, kNow.boot) == VoteEligibility::Anonymous);
  CHECK(membership.eligibility(1, kNow.boot) == VoteEligibility::Voter);
}

TEST_CASE("a node is in quarantine until it has surely been up for long enough") {
  Membership membership{1, 10s};
  // INFO's seconds are up to one more than the truth.
  membership.on_identity(kNow, 0, identity("a", 10s));
  CHECK(membership.eligibility(0, kNow.boot) == VoteEligibility::Quarantined);
  CHECK(membership.quarantine_left(0, kNow.boot) == Duration{1s});
  CHECK(membership.eligibility(0, kNow.boot + 999ms) == VoteEligibility::Quarantined);
  CHECK(membership.eligibility(0, kNow.boot + 1s) == VoteEligibility::Voter);
  CHECK(membership.quarantine_left(0, kNow.boot + 1s) == Duration::zero());
}

TEST_CASE("uptime counts from when it was heard, however early the request was sent") {
  Membership membership{1, 10s};
  membership.on_identity(kNow, 0, identity("a", 11s));
  CHECK(membership.eligibility(0, kNow.boot - 5s) == VoteEligibility::Voter);
  membership.on_identity(kNow, 0, identity("a", 3s));
  CHECK(membership.eligibility(0, kNow.boot - 5s) == VoteEligibility::Quarantined);
}

TEST_CASE("a node that says on a new connection that it restarted goes into quarantine") {
  Membership membership{1, 10s};
  membership.on_identity(kNow, 0, identity("a", 1h));
  CHECK(membership.eligibility(0, kNow.boot) == VoteEligibility::Voter);
  membership.on_identity({.boot = kNow.boot + 5s, .wall_us = 0}, 0, identity("b", 0s));
  CHECK(membership.eligibility(0, kNow.boot + 5s) == VoteEligibility::Quarantined);
}

TEST_CASE(
    "a node whose clock was set back behind its start has been up for as long as we have known its process") {
  const auto at = [](Duration later) { return Now{.boot = kNow.boot + later, .wall_us = kWallUs}; };
  Membership membership{1, 10s};
  membership.on_identity(kNow, 0, identity("a", -1h));
  CHECK(membership.clock_set_back(0));
  CHECK(membership.eligibility(0, kNow.boot) == VoteEligibility::Quarantined);
  CHECK(membership.quarantine_left(0, kNow.boot) == Duration{10s});
  // A new connection to the same process changes nothing.
  membership.on_identity(at(8s), 0, identity("a", -1h + 8s));
  CHECK(membership.eligibility(0, kNow.boot + 8s) == VoteEligibility::Quarantined);
  CHECK(membership.eligibility(0, kNow.boot + 10s) == VoteEligibility::Voter);
  // Another process does.
  membership.on_identity(at(20s), 0, identity("b", -1h));
  CHECK(membership.eligibility(0, kNow.boot + 29s) == VoteEligibility::Quarantined);
  CHECK(membership.eligibility(0, kNow.boot + 30s) == VoteEligibility::Voter);
  // Without a name nobody can tell whether it is the same.
  membership.on_identity(at(40s), 0, identity("", -1h));
  membership.on_identity(at(48s), 0, identity("", -1h));
  CHECK(membership.eligibility(0, kNow.boot + 50s) == VoteEligibility::Quarantined);
  membership.on_identity(at(50s), 0, identity("b", 1h));
  CHECK_FALSE(membership.clock_set_back(0));
}

TEST_CASE("without a quarantine a node whose clock was set back has a vote") {
  Membership membership{1, Duration::zero()};
  membership.on_identity(kNow, 0, identity("a", -1h));
  CHECK(membership.eligibility(0, kNow.boot) == VoteEligibility::Voter);
}

TEST_CASE("without a quarantine every master has a vote at once") {
  Membership membership{1, Duration::zero()};
  membership.on_identity(kNow, 0, identity("a", 0s));
  CHECK(membership.eligibility(0, kNow.boot) == VoteEligibility::Voter);
}

TEST_CASE("two nodes with one run_id are one server, unless they do not say it") {
  Membership membership{3, 10s};
  membership.on_identity(kNow, 0, identity("a"));
  membership.on_identity(kNow, 1, identity("b"));
  CHECK_FALSE(membership.duplicate());
  membership.on_identity(kNow, 2, identity("a"));
  CHECK(membership.duplicate() == std::pair<NodeIndex, NodeIndex>{0, 2});
  membership.on_identity(kNow, 2, identity(""));
  membership.on_identity(kNow, 1, identity(""));
  CHECK_FALSE(membership.duplicate());
}

TEST_CASE("a quorum of 1 to 7 nodes is more than half of them, whichever they are") {
  for (std::size_t nodes = 1; nodes <= 7; ++nodes) {
    const Membership membership{nodes, Duration::zero()};
    for (unsigned chosen = 0; chosen < (1U << nodes); ++chosen) {
      const NodeSet set = membership.nodes_where([&](NodeIndex node) { return (chosen >> node & 1U) != 0; });
      const auto number = static_cast<std::size_t>(std::popcount(chosen));
      CAPTURE(nodes);
      CAPTURE(chosen);
      CHECK(set.size() == number);
      CHECK(membership.is_quorum(set) == (2 * number > nodes));
    }
    CHECK(votes_needed(nodes) == nodes / 2 + 1);
  }
}

TEST_CASE("any two quorums share a node") {
  const Membership membership{5, Duration::zero()};
  const auto set_of = [&](unsigned chosen) {
    return membership.nodes_where([&](NodeIndex node) { return (chosen >> node & 1U) != 0; });
  };
  for (unsigned one = 0; one < 32; ++one) {
    for (unsigned other = 0; other < 32; ++other) {
      if (membership.is_quorum(set_of(one)) && membership.is_quorum(set_of(other))) CHECK((one & other) != 0);
    }
  }
}

TEST_CASE("two addresses of one server are one vote") {
  Membership membership{3, Duration::zero()};
  membership.on_identity(kNow, 0, identity("a"));
  membership.on_identity(kNow, 1, identity("a"));
  membership.on_identity(kNow, 2, identity("b"));
  const auto without = [&](NodeIndex missing) {
    return membership.nodes_where([&](NodeIndex node) { return node != missing; });
  };
  CHECK(without(2).size() == 2);
  CHECK(without(2).votes() == 1);
  CHECK_FALSE(membership.is_quorum(without(2)));
  CHECK(membership.is_quorum(without(1)));
  // The server that answered counts, not the one to which the address leads by now.
  NodeSet answered;
  answered.add(0, membership.server_of(0));
  membership.on_identity(kNow, 1, identity("c"));
  answered.add(1, membership.server_of(1));
  membership.on_identity(kNow, 1, identity("a"));
  CHECK(membership.is_quorum(answered));
  // Servers that do not say who they are may all differ.
  membership.on_identity(kNow, 0, identity(""));
  membership.on_identity(kNow, 1, identity(""));
  CHECK(membership.is_quorum(without(2)));
}

TEST_CASE("a quorum falls free when enough nodes have, one after the other") {
  Membership membership{5, Duration::zero()};
  const auto free = [&](std::size_t number) {
    return membership.nodes_where([&](NodeIndex node) { return node < number; });
  };
  CHECK(membership.quorum_after(free(3), {}) == Duration::zero());
  CHECK(membership.quorum_after(free(2), {{3s, 4}, {1s, 2}}) == Duration{1s});
  CHECK(membership.quorum_after(free(1), {{3s, 4}, {1s, 2}}) == Duration{3s});
  CHECK_FALSE(membership.quorum_after(free(0), {{3s, 4}, {1s, 2}}));
  SUBCASE("a second address of a server that is free brings nothing") {
    membership.on_identity(kNow, 0, identity("a"));
    membership.on_identity(kNow, 2, identity("a"));
    CHECK(membership.quorum_after(free(2), {{3s, 4}, {1s, 2}}) == Duration{3s});
  }
}

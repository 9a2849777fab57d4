#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

TEST_CASE("an attempt asks every node at once, with one token and one proposal") {
  Attempt attempt;
  attempt.start();
  REQUIRE(attempt.sent.size() == 5);
  for (const Send& send : attempt.sent) {
    const auto& acquire = std::get<AcquireRequest>(send.request);
    CHECK(acquire.token == attempt.token);
    CHECK(acquire.token.value.size() == 40);
    CHECK(acquire.proposal == kWallUs);
    CHECK(send.deadline == attempt.now.boot + kNodeTimeout);
  }
}

TEST_CASE("the decision falls with the quorum-th vote") {
  Attempt attempt;
  attempt.start();
  const TimePoint asked = attempt.now.boot;
  attempt.pass(3ms);
  attempt.answer(0, Granted{7});
  attempt.answer(4, Granted{7});
  CHECK(attempt.undecided());
  attempt.answer(2, Granted{7});
  const Won* won = attempt.verdict<Won>();
  REQUIRE(won != nullptr);
  CHECK(won->token == attempt.token);
  CHECK(won->fence == 7);
  CHECK(won->voters == std::vector<NodeIndex>{0, 2, 4});
  // From before the first send, less 1 % and 2 ms.
  CHECK(won->valid_until == asked + kTtl - 12ms);
  CHECK(attempt.acquisition.deadline() == TimePoint::max());
}

TEST_CASE("a quorum for one other token is a lock that is held, and what was granted is released") {
  Attempt attempt;
  attempt.start();
  attempt.answer(0, Granted{7});
  attempt.answer(1, refused("them", 300ms));
  attempt.answer(2, refused("them", 200ms));
  attempt.answer(3, refused("them", 400ms));
  const Held* held = attempt.verdict<Held>();
  REQUIRE(held != nullptr);
  CHECK(held->holder == Token{"them"});
  CHECK(held->votes == 3);
  // Two of five are free or unknown: one more must expire.
  CHECK(held->free_in == Duration{200ms});
  CHECK(attempt.count<ReleaseRequest>() == 2);  // the vote, and the node that has not answered
  CHECK(attempt.request<ReleaseRequest>(0) != nullptr);
  CHECK(attempt.request<ReleaseRequest>(4) != nullptr);
}

TEST_CASE("a held lock is told to rest where all that name its token say so") {
  const auto rests = [] {
    Refused refusal = refused("them", 300ms);
    refusal.info = {.host = "web3", .resting = Resting{.status = 3, .since = 1min}};
    return refusal;
  };
  Attempt attempt{3};
  attempt.start();
  SUBCASE("all") {
    attempt.answer(0, rests());
    attempt.answer(1, rests());
    REQUIRE(attempt.verdict<Held>() != nullptr);
    REQUIRE(attempt.verdict<Held>()->info.resting.has_value());
    CHECK(attempt.verdict<Held>()->info.resting->status == 3);
  }
  SUBCASE("the first only") {
    attempt.answer(0, rests());
    attempt.answer(1, refused("them"));
    CHECK_FALSE(attempt.verdict<Held>()->info.resting);
  }
  SUBCASE("the last only") {
    attempt.answer(0, refused("them"));
    attempt.answer(1, rests());
    CHECK_FALSE(attempt.verdict<Held>()->info.resting);
  }
}

TEST_CASE("a held lock without a TTL has no time at which it falls free") {
  Attempt attempt{3};
  attempt.start();
  attempt.answer(0, refused("by hand", -1ms));
  attempt.answer(1, refused("by hand", -1ms));
  REQUIRE(attempt.verdict<Held>() != nullptr);
  CHECK_FALSE(attempt.verdict<Held>()->free_in);
}

TEST_CASE("too few answers are no quorum, once the others have had a moment to say why") {
  Attempt attempt;
  attempt.start();
  attempt.answer(0, Granted{7});
  attempt.fail(1, kConnectionRefused);
  attempt.fail(2, kTimedOut);
  CHECK(attempt.undecided());
  attempt.fail(3, kConnectionBroken);
  CHECK(attempt.undecided());
  CHECK(attempt.acquisition.deadline() - attempt.now.boot <= 10ms);
  attempt.wait();
  CHECK(attempt.verdict<NoQuorum>() != nullptr);
  // All that may have the token: not the node that refused the connection.
  CHECK(attempt.count<ReleaseRequest>() == 4);
  CHECK(attempt.request<ReleaseRequest>(1) == nullptr);
}

TEST_CASE("too few answers are no quorum at once, when all have failed or answered") {
  Attempt attempt;
  attempt.start();
  attempt.answer(0, Granted{7});
  for (const NodeIndex node : {1U, 2U, 3U}) attempt.fail(node, kConnectionRefused);
  CHECK(attempt.undecided());
  attempt.answer(4, Granted{7});
  CHECK(attempt.verdict<NoQuorum>() != nullptr);
}

TEST_CASE("a quorum that agrees too late is no win") {
  Attempt attempt{5, 24, 100ms, kTtl};
  attempt.start();
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.pass(kTtl - 12ms - 100ms);
  attempt.answer(2, Granted{7});
  REQUIRE(attempt.verdict<TooLate>() != nullptr);
  CHECK(attempt.verdict<TooLate>()->took == kTtl - 112ms);
  CHECK(attempt.count<ReleaseRequest>() == 5);
}

TEST_CASE("a quorum with a moment to spare is a win") {
  Attempt attempt{5, 24, 100ms, kTtl};
  attempt.start();
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.pass(kTtl - 12ms - 101ms);
  attempt.answer(2, Granted{7});
  CHECK(attempt.verdict<Won>() != nullptr);
}

TEST_CASE("a vote that is read later than node_timeout after its request is none, and is released") {
  Attempt attempt;
  attempt.start();
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  SUBCASE("at node_timeout it still counts") {
    attempt.pass(kNodeTimeout);
    attempt.answer(2, Granted{7});
    CHECK(attempt.verdict<Won>() != nullptr);
  }
  SUBCASE("later it does not, however long it has been in the socket") {
    attempt.pass(kNodeTimeout + 1ns);
    for (const NodeIndex node : {2U, 3U, 4U}) attempt.answer(node, Granted{7});
    CHECK(attempt.verdict<NoQuorum>() != nullptr);
    CHECK(attempt.count<ReleaseRequest>() == 5);
  }
}

TEST_CASE("a vote is no vote any more once its address leads to another server") {
  Attempt attempt;
  attempt.start();
  attempt.membership.on_identity(attempt.now, 0, identity("one"));
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.membership.on_identity(attempt.now, 0, identity("another"));
  attempt.answer(2, Granted{7});
  CHECK(attempt.undecided());
  attempt.answer(3, Granted{7});
  CHECK(attempt.verdict<Won>() != nullptr);
}

TEST_CASE("an attempt that is withdrawn gives everything back") {
  Attempt attempt;
  attempt.start();
  attempt.answer(0, Granted{7});
  const auto sends = attempt.acquisition.cancel(attempt.now);
  CHECK(sends.size() == 5);
  CHECK(attempt.verdict<Cancelled>() != nullptr);
  CHECK(attempt.acquisition.cancel(attempt.now).empty());
}

TEST_CASE("two addresses of one server are refused, whatever they answer") {
  Attempt attempt;
  attempt.start();
  attempt.membership.on_identity(attempt.now, 0, identity("a"));
  attempt.answer(0, Granted{7});
  attempt.membership.on_identity(attempt.now, 3, identity("a"));
  attempt.answer(3, Granted{7});
  const SameServer* same = attempt.verdict<SameServer>();
  REQUIRE(same != nullptr);
  CHECK(same->first == 0);
  CHECK(same->second == 3);
  CHECK(attempt.count<ReleaseRequest>() == 5);
}

TEST_CASE("a node in quarantine has no vote, but what it refuses for is there") {
  Attempt attempt{3};
  attempt.start();
  attempt.membership.on_identity(attempt.now, 0, identity("a", 1s));
  SUBCASE("its grant does not count") {
    attempt.answer(0, Granted{7});
    attempt.answer(1, Granted{7});
    CHECK(attempt.undecided());
    attempt.fail(2);
    CHECK(attempt.verdict<NoQuorum>() != nullptr);
  }
  SUBCASE("its refusal does") {
    attempt.answer(0, refused("them"));
    attempt.answer(1, refused("them"));
    CHECK(attempt.verdict<Held>() != nullptr);
  }
}

TEST_CASE("a replica, a cluster node and a sentinel have no vote") {
  const auto wrong = [](auto&& change) {
    Identity who = identity("a");
    change(who);
    return who;
  };
  for (const Identity& who : {wrong([](Identity& it) { it.role = Role::Replica; }),
                              wrong([](Identity& it) { it.role = Role::Sentinel; }),
                              wrong([](Identity& it) { it.cluster = true; })}) {
    Attempt attempt{1};
    attempt.start();
    attempt.membership.on_identity(attempt.now, 0, who);
    attempt.answer(0, Granted{7});
    CHECK(attempt.verdict<NoQuorum>() != nullptr);
  }
}

TEST_CASE("answers to other requests, late ones and answers after the verdict change nothing") {
  Attempt attempt{3};
  attempt.start();
  const RequestId first = attempt.asked[0];
  CHECK(attempt.acquisition.on_reply(attempt.now, 0, first + 100, Granted{7}).empty());
  CHECK_FALSE(attempt.acquisition.votes()[0].answered());
  attempt.answer(0, Granted{7});
  attempt.answer(0, refused("them"));  // the same request cannot be answered twice
  CHECK(attempt.acquisition.votes()[0].granted() != nullptr);
  attempt.answer(1, Granted{7});
  REQUIRE(attempt.verdict<Won>() != nullptr);
  attempt.answer(2, refused("them"));
  CHECK(attempt.verdict<Won>() != nullptr);
  CHECK(attempt.sent.empty());
}

TEST_CASE("an answer to another question is a failure of the node") {
  Attempt attempt{1};
  attempt.start();
  attempt.answer(0, Released{.was_ours = true, .held_by_other = false});
  CHECK(attempt.verdict<NoQuorum>() != nullptr);
  CHECK(attempt.acquisition.votes()[0].failure()->detail == "an answer to another question");
}

TEST_CASE("a vote that comes after the win and is not the fence has the fence written down") {
  Attempt attempt;
  attempt.start();
  for (const NodeIndex node : {0U, 1U, 2U}) attempt.answer(node, Granted{7});
  REQUIRE(attempt.verdict<Won>() != nullptr);
  CHECK(attempt.acquisition.awaits_votes());
  const RequestId last = attempt.asked[4];
  attempt.answer(3, Granted{9});
  REQUIRE(attempt.count<ConfirmRequest>() == 1);
  CHECK(attempt.request<ConfirmRequest>(3) != nullptr);
  CHECK(attempt.only<ConfirmRequest>().fence == 7);
  CHECK(attempt.only<ConfirmRequest>().granted == 9);
  SUBCASE("but not where it is the fence") {
    CHECK(attempt.acquisition.on_reply(attempt.now, 4, last, Granted{7}).empty());
    CHECK_FALSE(attempt.acquisition.awaits_votes());
  }
  SUBCASE("nor when the lease may have ended") {
    attempt.pass(kTtl);
    CHECK(attempt.acquisition.on_reply(attempt.now, 4, last, Granted{9}).empty());
  }
}

TEST_CASE("a vote above the fence that came before the win has the fence written down") {
  Attempt attempt;
  attempt.start();
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.answer(2, Granted{8});  // the fence: the others must take it
  CHECK(attempt.count<ConfirmRequest>() == 2);
  const std::vector<Send> confirmations = attempt.sent;
  attempt.acquisition.on_reply(attempt.now, 3, attempt.asked[3], Granted{9});
  for (const Send& send : confirmations) attempt.asked[send.node] = send.id;
  attempt.answer(0, Confirmed{true});
  CHECK(attempt.undecided());
  attempt.answer(1, Confirmed{true});
  REQUIRE(attempt.verdict<Won>() != nullptr);
  REQUIRE(attempt.request<ConfirmRequest>(3) != nullptr);
  CHECK(attempt.only<ConfirmRequest>().fence == 8);
  CHECK(attempt.only<ConfirmRequest>().granted == 9);
}

TEST_CASE("a waiter says to every node that it waits, and learns its queue position from most of them") {
  Client client;
  AcquireOp acquisition{{.ttl = kTtl,
                         .node_timeout = kNodeTimeout,
                         .least_validity = 100ms,
                         .max_rounds = 24,
                         .waiter = QueueEntry{.began_us = 5, .number = 6},
                         .in_turn = true},
                        client.membership,
                        client.ids,
                        client.entropy};
  const std::vector<Send> sends = acquisition.start(client.now);
  REQUIRE(sends.size() == 5);
  for (const Send& send : sends) {
    const auto& acquire = std::get<AcquireRequest>(send.request);
    REQUIRE(acquire.waiter);
    CHECK(acquire.waiter->began_us == 5);
    CHECK(acquire.waiter->number == 6);
    CHECK(acquire.in_turn);
  }
  const auto refuse = [&](NodeIndex node, std::uint64_t ahead) {
    Refused answer = refused("them");
    answer.position = QueuePosition{.ahead = ahead, .waiting = 9};
    acquisition.on_reply(client.now, node, sends[node].id, answer);
  };
  refuse(0, 0);  // has restarted, and forgotten the others
  refuse(1, 4);
  refuse(2, 7);
  REQUIRE(acquisition.verdict());
  const auto& held = std::get<Held>(*acquisition.verdict());
  REQUIRE(held.position);
  CHECK(held.position->ahead == 4);
  CHECK(held.position->waiting == 9);
}

TEST_CASE("a contender that does not wait is in no queue") {
  Attempt attempt;
  attempt.start();
  for (const Send& send : attempt.sent) CHECK_FALSE(std::get<AcquireRequest>(send.request).waiter);
  for (NodeIndex node = 0; node < 3; ++node) attempt.answer(node, refused("them"));
  REQUIRE(attempt.verdict<Held>() != nullptr);
  CHECK_FALSE(attempt.verdict<Held>()->position);
}

TEST_CASE(
    "the TTL of a holder that a refusal shows is the quarantine of the client that asked, where it is "
    "longer") {
  Attempt attempt{3};
  for (const NodeIndex node : {0U, 1U}) {
    attempt.membership.on_identity(attempt.now, node, identity("young " + std::to_string(node), 4s));
  }
  attempt.membership.on_identity(attempt.now, 2, identity("old"));
  REQUIRE(attempt.membership.eligibility(0, attempt.now.boot) == VoteEligibility::Voter);
  attempt.start();
  attempt.pass(5ms);
  SUBCASE("also when it is the last to answer: young nodes are no quorum by themselves") {
    attempt.answer(0, Granted{7});
    attempt.answer(1, Granted{7});
    REQUIRE(attempt.undecided());
    Refused shown = refused("theirs", 30s);
    shown.holder_ttl = 60s;
    attempt.answer(2, shown);
    CHECK(attempt.verdict<NoQuorum>() != nullptr);
    CHECK(attempt.membership.quarantine(attempt.now.boot) == Duration{60s});
    CHECK(attempt.count<ReleaseRequest>() == 2);
  }
  SUBCASE("of another library what is left of its key is known") {
    attempt.answer(2, refused("theirs", 30s));
    CHECK(attempt.membership.quarantine(attempt.now.boot) == Duration{30s});
  }
  SUBCASE("a node that hangs shows nothing, and is waited for as long again as a quorum took") {
    attempt.answer(0, Granted{7});
    attempt.answer(1, Granted{7});
    CHECK(attempt.acquisition.deadline() == attempt.now.boot + 5ms);
    attempt.wait();
    CHECK(attempt.verdict<Won>() != nullptr);
  }
}

TEST_CASE("a refusal that comes when the lock is known to be held still says who is seen there") {
  Attempt attempt{3};
  attempt.membership.on_identity(attempt.now, 2, identity("third", 4s));
  attempt.start();
  attempt.answer(0, refused("theirs", 1s));
  attempt.answer(1, refused("theirs", 1s));
  REQUIRE(attempt.verdict<Held>() != nullptr);
  REQUIRE(attempt.membership.quarantine(attempt.now.boot) == kTtl);
  attempt.answer(2, refused("theirs", 60s));
  CHECK(attempt.membership.quarantine(attempt.now.boot) == Duration{60s});
}

TEST_CASE("a quarantine of zero stays, whatever a refusal shows") {
  Membership trusting{3, Duration::zero()};
  const Now now{.boot = TimePoint{1h}, .wall_us = kWallUs};
  trusting.on_identity(now, 0, identity("a", 1s));
  const Refused shown = refused("theirs", 1h);
  trusting.on_answer(now, now.boot, 1, &shown);
  CHECK(trusting.quarantine(now.boot) == Duration::zero());
  CHECK(trusting.eligibility(0, now.boot) == VoteEligibility::Voter);
}

TEST_CASE("a waiter has the lock as soon as the holder with a longer TTL has released it") {
  Attempt attempt{3};
  for (NodeIndex node = 0; node < 3; ++node) {
    attempt.membership.on_identity(attempt.now, node, identity("young " + std::to_string(node), 4s));
    const Refused shown = refused("theirs", 10min);
    attempt.membership.on_answer(attempt.now, attempt.now.boot, node, &shown);
  }
  attempt.pass(1s);
  attempt.start();
  SUBCASE("no quorum may vote, so it looks first") {
    CHECK(attempt.count<AcquireRequest>() == 0);
    CHECK(attempt.count<ProbeRequest>() == 3);
    SUBCASE("and asks once the lock is free") {
      attempt.answer(0, Free{});  // deleted there: released
      attempt.answer(1, Free{});
      REQUIRE(attempt.count<AcquireRequest>() == 3);
      attempt.answer(0, Granted{7});
      attempt.answer(1, Granted{7});
      attempt.answer(2, Granted{7});
      CHECK(attempt.verdict<Won>() != nullptr);
    }
    SUBCASE("and leaves nothing behind where it is held") {
      attempt.answer(0, refused("theirs", 10min));
      attempt.answer(2, refused("theirs", 10min));
      CHECK(attempt.verdict<Held>() != nullptr);
      CHECK(attempt.count<ReleaseRequest>() == 0);
    }
    SUBCASE("and where a quorum has restarted and forgotten the holder") {
      for (const NodeIndex node : {0U, 1U}) {
        attempt.membership.on_identity(attempt.now, node, identity("younger " + std::to_string(node), 4s));
        attempt.answer(node, Free{});
      }
      REQUIRE(attempt.undecided());
      attempt.answer(2, refused("theirs", 10min));
      CHECK(attempt.verdict<NoQuorum>() != nullptr);
      CHECK(attempt.count<ReleaseRequest>() == 0);
    }
  }
}

// ---- Several names

namespace {

Refused refused_names(std::vector<std::pair<std::size_t, std::string>> names) {
  Refused first = refused(names.front().second);
  first.name = names.front().first;
  for (std::size_t i = 1; i < names.size(); ++i) {
    first.others.push_back(refused(names[i].second));
    first.others.back().name = names[i].first;
  }
  return first;
}

}  // namespace

TEST_CASE(
    "a lock of several names is held where one token has a quorum of one of them, and the verdict says "
    "which") {
  Attempt attempt;
  attempt.start();
  attempt.answer(0, refused_names({{0, "a rival"}, {1, "the holder"}}));
  attempt.answer(1, refused_names({{1, "the holder"}}));
  CHECK(attempt.undecided());
  attempt.answer(2, refused_names({{1, "the holder"}, {2, "another"}}));
  REQUIRE(attempt.verdict<Held>() != nullptr);
  CHECK(attempt.verdict<Held>()->holder == Token{"the holder"});
  CHECK(attempt.verdict<Held>()->name == 1);
  CHECK(attempt.verdict<Held>()->votes == 3);
}

TEST_CASE("a token that has each name on too few nodes holds none of them") {
  Attempt attempt;
  attempt.start();
  attempt.answer(0, refused_names({{0, "a rival"}}));
  attempt.answer(1, refused_names({{0, "a rival"}}));
  attempt.answer(2, refused_names({{1, "a rival"}}));
  attempt.answer(3, Granted{7});
  attempt.answer(4, Granted{7});
  CHECK(attempt.undecided());
  // But it has votes on three nodes, more than we have: we yield.
  CHECK(attempt.count<ReleaseRequest>() == 2);
}

TEST_CASE("a rival counts once a node, however many of its names are in our way there") {
  Attempt attempt;
  attempt.start();
  const std::string greater(40, 'z');
  attempt.answer(0, refused_names({{0, greater}, {1, greater}}));
  attempt.answer(1, refused_names({{0, greater}, {1, greater}}));
  attempt.answer(2, refused_names({{0, "a third"}}));
  attempt.answer(3, Granted{7});
  attempt.answer(4, Granted{7});
  CHECK(attempt.undecided());
  CHECK(attempt.sent.empty());  // two votes each: the lesser token stays
}

TEST_CASE("a bar has no TTL that could be anybody's quarantine") {
  Attempt attempt;
  attempt.start();
  Refused barred = refused("a waiter", 1h);
  barred.barred = true;
  for (const NodeIndex node : {0U, 1U, 2U}) attempt.answer(node, barred);
  REQUIRE(attempt.verdict<Held>() != nullptr);
  CHECK(attempt.verdict<Held>()->barred);
  CHECK(attempt.membership.quarantine() == Duration{kTtl});
}

TEST_CASE(
    "a node that does not say who it is, and has the token before it was asked for it, was asked by another "
    "address") {
  Attempt attempt{3};
  attempt.start();
  for (const NodeIndex node : {0, 2}) attempt.membership.on_identity(attempt.now, node, Identity{});
  SUBCASE("the answers come in the order of the requests") {
    attempt.answer(0, Granted{7});
    CHECK(attempt.undecided());
    attempt.answer(2, Granted{.fence = 8, .already_there = true});
  }
  SUBCASE("the answers come the other way round") {
    attempt.answer(2, Granted{.fence = 8, .already_there = true});
  }
  const SameServer* same = attempt.verdict<SameServer>();
  REQUIRE(same != nullptr);
  CHECK(same->first == 2);
  CHECK(same->second == 2);
  CHECK(attempt.count<ReleaseRequest>() == 3);
}

TEST_CASE("a node that says who it is is judged by that, whatever it has already") {
  Attempt attempt{3};
  attempt.start();
  attempt.answer(0, Granted{7});
  attempt.membership.on_identity(attempt.now, 2, identity("c"));
  attempt.answer(2, Granted{.fence = 7, .already_there = true});
  CHECK(attempt.verdict<Won>() != nullptr);
}

TEST_CASE("the token of an earlier round is no sign of a second address") {
  Attempt attempt;
  attempt.start();
  for (NodeIndex node = 0; node < 5; ++node) attempt.membership.on_identity(attempt.now, node, Identity{});
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.answer(2, refused("them", 300ms));
  attempt.answer(3, refused("others", 300ms));
  attempt.answer(4, refused("more", 300ms));
  REQUIRE(attempt.undecided());  // the strongest keeps its votes
  attempt.wait();
  REQUIRE(attempt.count<AcquireRequest>() == 5);
  attempt.answer(0, Granted{.fence = 8, .already_there = true});
  attempt.answer(1, Granted{.fence = 8, .already_there = true});
  attempt.answer(2, Granted{8});
  CHECK(attempt.verdict<Won>() != nullptr);
}

#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

TEST_CASE("votes that agree on the fence need no confirmation") {
  Attempt attempt{3};
  attempt.start();
  attempt.answer(0, Granted{9});
  attempt.answer(1, Granted{9});
  REQUIRE(attempt.verdict<Won>() != nullptr);
  CHECK(attempt.verdict<Won>()->fence == 9);
  CHECK(attempt.sent.empty());
}

TEST_CASE("the greatest fence is written back to those below it, and only then the lock is ours") {
  Attempt attempt{3};
  attempt.start();
  attempt.answer(0, Granted{9});
  attempt.answer(1, Granted{5});
  CHECK(attempt.undecided());
  REQUIRE(attempt.count<ConfirmRequest>() == 1);
  const Send* confirm = attempt.request<ConfirmRequest>(1);
  REQUIRE(confirm != nullptr);
  CHECK(std::get<ConfirmRequest>(confirm->request).token == attempt.token);
  CHECK(std::get<ConfirmRequest>(confirm->request).fence == 9);
  attempt.answer(1, Confirmed{true});
  REQUIRE(attempt.verdict<Won>() != nullptr);
  CHECK(attempt.verdict<Won>()->fence == 9);
}

TEST_CASE("a write-back that reaches no quorum begins anew, with nothing left behind") {
  Attempt attempt{3};
  attempt.start();
  const Token token = attempt.token;
  attempt.answer(0, Granted{9});
  attempt.answer(1, Granted{5});
  attempt.answer(1, Confirmed{false});
  CHECK(attempt.undecided());  // the third node may still answer
  attempt.fail(2);
  CHECK(attempt.undecided());
  CHECK(attempt.count<ReleaseRequest>() == 3);
  attempt.wait();
  CHECK(attempt.count<ProbeRequest>() == 3);
  for (const NodeIndex node : {0U, 1U}) attempt.answer(node, Free{});
  CHECK(attempt.count<AcquireRequest>() == 3);
  CHECK(attempt.token != token);
}

TEST_CASE("a write-back that fails in the last round is no quorum") {
  Attempt attempt{3, 1};
  attempt.start();
  attempt.answer(0, Granted{9});
  attempt.answer(1, Granted{5});
  attempt.fail(1);
  attempt.fail(2);
  CHECK(attempt.verdict<NoQuorum>() != nullptr);
  CHECK(attempt.count<ReleaseRequest>() == 3);
}

TEST_CASE("a late vote takes the place of a confirmation that fails") {
  Attempt attempt{3};
  attempt.start();
  attempt.answer(0, Granted{9});
  attempt.answer(1, Granted{5});
  attempt.answer(1, Confirmed{false});
  attempt.answer(2, Granted{6});
  REQUIRE(attempt.request<ConfirmRequest>(2) != nullptr);
  attempt.answer(2, Confirmed{true});
  REQUIRE(attempt.verdict<Won>() != nullptr);
  CHECK(attempt.verdict<Won>()->fence == 9);
}

TEST_CASE("a late vote with a greater fence does not confirm ours") {
  Attempt attempt{3};
  attempt.start();
  attempt.answer(0, Granted{9});
  attempt.answer(1, Granted{5});
  attempt.answer(2, Granted{11});
  CHECK(attempt.undecided());
  CHECK(attempt.request<ConfirmRequest>(2) == nullptr);
}

TEST_CASE("validity that runs out during the write-back is no win") {
  Attempt attempt{3};
  attempt.start();
  attempt.answer(0, Granted{9});
  attempt.answer(1, Granted{5});
  CHECK(attempt.acquisition.deadline() == attempt.now.boot + kTtl - 112ms);
  attempt.wait();
  CHECK(attempt.verdict<TooLate>() != nullptr);
  CHECK(attempt.count<ReleaseRequest>() == 3);
}

TEST_CASE("a restarted node's fence neither counts nor is confirmed") {
  Attempt attempt{3};
  attempt.start();
  attempt.membership.on_identity(attempt.now, 0, identity("a", 0s));
  attempt.answer(0, Granted{99});
  attempt.answer(1, Granted{5});
  attempt.answer(2, Granted{5});
  REQUIRE(attempt.verdict<Won>() != nullptr);
  CHECK(attempt.verdict<Won>()->fence == 5);
  CHECK(attempt.verdict<Won>()->voters == std::vector<NodeIndex>{1, 2});
}

TEST_CASE("a wall clock beyond 2^53 microseconds proposes nothing") {
  Attempt attempt{1};
  attempt.now.wall_us = kMaxFence;
  attempt.start();
  CHECK(attempt.only<AcquireRequest>().proposal == kMaxFence);
  Attempt later{1};
  later.now.wall_us = kMaxFence + 1;
  later.start();
  CHECK(later.only<AcquireRequest>().proposal == 0);
}

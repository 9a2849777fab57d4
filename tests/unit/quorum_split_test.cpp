// Votes that are divided among contenders: nobody has the lock, and somebody must get it.
#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {

const std::string kLeast(40, '/');     // less than any token in hex
const std::string kGreatest(40, 'z');  // greater

// Two votes of five for the attempt, two for one rival, one for another.
void divide(Attempt& attempt, const std::string& rival) {
  attempt.pass(4ms);
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.answer(2, refused(rival));
  attempt.answer(3, refused(rival));
  attempt.answer(4, refused("a third"));
}

}  // namespace

TEST_CASE("the strongest contender keeps its votes and asks again with the same token") {
  Attempt attempt;
  attempt.start();
  const Token token = attempt.token;
  divide(attempt, kGreatest);
  CHECK(attempt.undecided());
  CHECK(attempt.sent.empty());
  attempt.wait();
  CHECK(attempt.count<AcquireRequest>() == 5);
  CHECK(attempt.token == token);
  CHECK(attempt.acquisition.rounds() == 2);
}

TEST_CASE(
    "the others release their votes at once, probe, and ask again with another token where a quorum is "
    "free") {
  Attempt attempt;
  attempt.start();
  const Token token = attempt.token;
  divide(attempt, kLeast);
  CHECK(attempt.undecided());
  CHECK(attempt.count<ReleaseRequest>() == 2);
  CHECK(attempt.only<ReleaseRequest>().token == token);
  const TimePoint gave_back = attempt.now.boot;
  attempt.wait();
  CHECK(attempt.now.boot - gave_back >= 8ms);  // two round trips: the strongest is faster
  CHECK(attempt.count<ProbeRequest>() == 5);
  attempt.answer(0, Free{});
  attempt.answer(1, refused(kLeast));
  attempt.answer(2, Free{});
  CHECK(attempt.sent.empty());
  attempt.answer(3, Free{});
  CHECK(attempt.count<AcquireRequest>() == 5);
  CHECK(attempt.token != token);
}

TEST_CASE("a contender that has yielded sets nothing while the strongest collects") {
  Attempt attempt;
  attempt.start();
  divide(attempt, kLeast);
  attempt.wait();
  for (const NodeIndex node : {0U, 1U}) attempt.answer(node, Free{});
  for (const NodeIndex node : {2U, 3U}) attempt.answer(node, refused(kLeast));
  attempt.answer(4, refused("a third"));
  CHECK(attempt.undecided());
  CHECK(attempt.sent.empty());
  attempt.wait();
  CHECK(attempt.count<ProbeRequest>() == 5);
  attempt.take(attempt.acquisition.cancel(attempt.now));
  CHECK(attempt.sent.empty());  // there is nothing to release
}

TEST_CASE("a node in quarantine is no part of the quorum that a probe finds free") {
  Attempt attempt;
  attempt.start();
  divide(attempt, kLeast);
  attempt.wait();
  attempt.membership.on_identity(attempt.now, 2, identity("young", 0s));
  for (const NodeIndex node : {0U, 1U, 2U}) attempt.answer(node, Free{});
  CHECK(attempt.sent.empty());
  attempt.answer(3, Free{});
  CHECK(attempt.count<AcquireRequest>() == 5);
}

TEST_CASE("more votes beat the lesser token") {
  Attempt attempt;
  attempt.start();
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.answer(2, refused(kLeast));
  attempt.answer(3, refused("b"));
  attempt.answer(4, refused("c"));
  CHECK(attempt.sent.empty());
  attempt.wait();
  CHECK(attempt.count<ReleaseRequest>() == 0);
}

TEST_CASE("validity of kept votes counts from the round that won") {
  Attempt attempt;
  attempt.start();
  divide(attempt, kGreatest);
  attempt.wait();
  const TimePoint asked = attempt.now.boot;
  for (const NodeIndex node : {0U, 1U, 2U}) attempt.answer(node, Granted{7});
  REQUIRE(attempt.verdict<Won>() != nullptr);
  CHECK(attempt.verdict<Won>()->valid_until == asked + kTtl - 12ms);
}

TEST_CASE("a kept vote is released though its node cannot be asked again") {
  Attempt attempt;
  attempt.start();
  divide(attempt, kGreatest);
  attempt.wait();
  attempt.fail(0, kConnectionRefused);
  attempt.fail(1, kConnectionRefused);
  attempt.fail(2, kConnectionRefused);
  attempt.wait();
  REQUIRE(attempt.verdict<NoQuorum>() != nullptr);
  CHECK(attempt.request<ReleaseRequest>(0) != nullptr);
  CHECK(attempt.request<ReleaseRequest>(1) != nullptr);
  CHECK(attempt.request<ReleaseRequest>(2) == nullptr);  // never had it
}

TEST_CASE("a node that hangs holds a split up for one more round trip, not for its timeout") {
  Attempt attempt;
  attempt.start();
  attempt.pass(4ms);
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.answer(2, refused(kLeast));
  attempt.answer(3, refused(kLeast));
  CHECK(attempt.sent.empty());
  const TimePoint settled_at = attempt.acquisition.deadline();
  CHECK(settled_at == attempt.now.boot + 4ms);
  attempt.wait();
  CHECK(attempt.count<ReleaseRequest>() == 3);
}

TEST_CASE("a rival that neither wins nor releases its votes is dead, and the attempt ends") {
  Attempt attempt{2};
  attempt.start();
  // The rule says that we win; but the other vote stays where it is.
  int rounds = 0;
  while (attempt.undecided() && rounds < 20) {
    attempt.answer(0, Granted{7});
    attempt.answer(1, refused(kGreatest, 300ms));
    ++rounds;
    if (attempt.undecided()) attempt.wait();
  }
  const Split* divided = attempt.verdict<Split>();
  REQUIRE(divided != nullptr);
  CHECK(divided->contenders == 1);
  CHECK(divided->free_in == Duration{300ms});
  CHECK(rounds == 5);
  CHECK(attempt.request<ReleaseRequest>(0) != nullptr);
}

TEST_CASE("rounds are bounded, though rivals come and go") {
  Attempt attempt{2, 5};
  attempt.start();
  unsigned round = 0;
  while (attempt.undecided() && round < 20) {
    attempt.answer(0, Granted{7});
    attempt.answer(1, refused(kGreatest + std::to_string(++round)));
    if (attempt.undecided()) attempt.wait();
  }
  CHECK(attempt.verdict<Split>() != nullptr);
  CHECK(attempt.acquisition.rounds() == 5);
}

TEST_CASE("a split is told from a lock that is held when the rival wins meanwhile") {
  Attempt attempt;
  attempt.start();
  divide(attempt, kLeast);
  attempt.wait();
  for (const NodeIndex node : {2U, 3U, 4U}) attempt.answer(node, refused(kLeast));
  REQUIRE(attempt.verdict<Held>() != nullptr);
  CHECK(attempt.verdict<Held>()->holder == Token{kLeast});
}

TEST_CASE("no round begins after the time is up, and none is given up before") {
  Attempt attempt{2, 24, 100ms, kNodeTimeout, TimePoint{1h} + 50ms};
  attempt.start();
  unsigned round = 0;
  while (attempt.undecided()) {
    REQUIRE(attempt.now.boot <= TimePoint{1h} + 50ms + kNodeTimeout);
    attempt.pass(8ms);
    const bool asked = attempt.request<AcquireRequest>(0) != nullptr;
    attempt.answer(0, asked ? Reply{Granted{7}} : Reply{Free{}});
    attempt.answer(1, refused(kLeast + std::to_string(++round)));  // we yield, and pause for long
    if (attempt.undecided()) attempt.wait();
  }
  CHECK(attempt.verdict<Split>() != nullptr);
  CHECK(attempt.now.boot >= TimePoint{1h} + 50ms);
  CHECK(attempt.now.boot <= TimePoint{1h} + 50ms + 8ms);
}

TEST_CASE("a node that was silent in one round is not waited for in the next") {
  Attempt attempt;
  attempt.start();
  attempt.pass(10ms);
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.answer(2, refused(kGreatest));
  attempt.answer(3, refused(kGreatest));
  CHECK(attempt.acquisition.deadline() == attempt.now.boot + 10ms);  // as long again for the fifth
  attempt.wait();
  while (attempt.acquisition.rounds() < 2) attempt.wait();
  attempt.pass(10ms);
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.answer(2, refused(kGreatest));
  attempt.answer(3, refused(kGreatest));
  CHECK(attempt.acquisition.deadline() == attempt.now.boot + 4ms);  // the strongest's pause has begun
}

TEST_CASE("a dead contender and a node that hangs leave no quorum that falls free at once") {
  Attempt attempt{5, 1};
  attempt.start();
  attempt.answer(0, Granted{7});
  attempt.answer(1, Granted{7});
  attempt.answer(2, refused(kGreatest, 300ms));
  attempt.answer(3, refused(kGreatest, 400ms));
  attempt.wait();
  REQUIRE(attempt.verdict<Split>() != nullptr);
  CHECK(attempt.verdict<Split>()->free_in == Duration{300ms});
}

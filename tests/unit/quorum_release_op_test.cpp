#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {

constexpr Released kOurs{.was_ours = true, .held_by_other = false};
constexpr Released kAbsent{.was_ours = false, .held_by_other = false};
constexpr Released kOthers{.was_ours = false, .held_by_other = true};

struct Case : Client {
  Case() : Client{3} { sent = releasing.start(now); }
  void answer(NodeIndex node, const Released& released) {
    releasing.on_reply(now, node, sent[node].id, released);
  }
  void fail(NodeIndex node) { releasing.on_failure(now, node, sent[node].id, kTimedOut); }
  ReleaseOp releasing{membership, {.token = {"ours"}}, kNodeTimeout, ids};
};

}  // namespace

TEST_CASE_FIXTURE(Case, "a release goes to all nodes with the holder's token") {
  REQUIRE(sent.size() == 3);
  for (const Send& send : sent) {
    CHECK(std::get<ReleaseRequest>(send.request).token == Token{"ours"});
    CHECK(send.deadline == now.boot + kNodeTimeout);
  }
  CHECK_FALSE(releasing.done());
}

TEST_CASE_FIXTURE(Case, "a release is done with a quorum of answers, and settled with all") {
  answer(0, kOurs);
  CHECK_FALSE(releasing.done());
  answer(2, kOurs);
  CHECK(releasing.done());
  CHECK(releasing.result() == ReleaseResult::Ours);
  CHECK_FALSE(releasing.settled());
  fail(1);
  CHECK(releasing.settled());
}

TEST_CASE_FIXTURE(Case, "a lock that a quorum no longer had had expired, or is another's") {
  answer(0, kOurs);
  answer(1, kAbsent);
  SUBCASE("nobody else has it") {
    answer(2, kAbsent);
    CHECK(releasing.result() == ReleaseResult::Expired);
  }
  SUBCASE("somebody else has it") {
    answer(2, kOthers);
    CHECK(releasing.result() == ReleaseResult::Others);
  }
}

TEST_CASE_FIXTURE(Case, "too few answers leave it open whether the lock is released") {
  answer(0, kOurs);
  fail(1);
  CHECK_FALSE(releasing.done());
  fail(2);
  CHECK(releasing.done());
  CHECK(releasing.result() == ReleaseResult::NoQuorum);
}

TEST_CASE_FIXTURE(Case, "answers to other requests do not count") {
  releasing.on_reply(now, 0, sent[1].id, kOurs);
  releasing.on_reply(now, 1, sent[0].id, kOurs);
  CHECK_FALSE(releasing.done());
}

TEST_CASE_FIXTURE(Case, "two addresses of one server do not release a lock of three nodes") {
  membership.on_identity(now, 0, identity("a"));
  membership.on_identity(now, 1, identity("a"));
  answer(0, kOurs);
  answer(1, kOurs);
  CHECK_FALSE(releasing.done());
  SUBCASE("the third node answers") {
    answer(2, kOurs);
    CHECK(releasing.result() == ReleaseResult::Ours);
  }
  SUBCASE("the third node does not") {
    fail(2);
    CHECK(releasing.result() == ReleaseResult::NoQuorum);
  }
}

#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {

const Released kOurs{.was_ours = true, .held_by_other = false};
const Released kAbsent{.was_ours = false, .held_by_other = false};
const Released kOthers{.was_ours = false, .held_by_other = true};

struct Case : Client {
  Case() : Client{3} { sent = releasing.start(now); }
  void answer(NodeIndex node, const Released& released) {
    releasing.on_reply(now, node, sent[node].id, released);
  }
  void fail(NodeIndex node) { releasing.on_reply(now, node, sent[node].id, kTimedOut); }
  ReleaseOp releasing{membership, {.token = {"ours"}}, kNodeTimeout, ids};
};

struct Unsent : Client {
  Unsent() : Client{3} {}
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

TEST_CASE_FIXTURE(Unsent, "a lock that is left behind gets a rest and a note, and is no release by hand") {
  releasing.leave_behind(Rest{.length = 1h, .status = 3}, kTtl);
  SUBCASE("which is sent") {
    const auto sends = releasing.start(now);
    REQUIRE(!sends.empty());
    for (const Send& send : sends) {
      const auto& release = std::get<ReleaseRequest>(send.request);
      REQUIRE(release.rest.has_value());
      CHECK(release.rest->length == 1h);
      CHECK(release.rest->status == 3);
      CHECK(release.note == kTtl);
      CHECK_FALSE(release.by_hand());
    }
  }
  SUBCASE("unless that is taken back") {
    releasing.leave_behind(std::nullopt, kTtl);
    for (const Send& send : releasing.start(now)) {
      const auto& release = std::get<ReleaseRequest>(send.request);
      CHECK_FALSE(release.rest.has_value());
      CHECK(release.note == 0ms);
    }
  }
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

TEST_CASE_FIXTURE(Case, "a node without a vote cannot say that the lock is not ours any more") {
  Identity replica = identity("b");
  replica.role = Role::Replica;
  membership.on_identity(now, 1, replica);
  answer(0, kOurs);
  SUBCASE("a replica says that nobody has it") {
    answer(1, kAbsent);
  }
  SUBCASE("a replica says that another has it") {
    answer(1, kOthers);
  }
  SUBCASE("a replica that can be written to says that it was ours") {
    answer(1, kOurs);
  }
  SUBCASE("a node that may have forgotten it says that nobody has it") {
    membership.on_identity(now, 1, identity("c", 0s));
    answer(1, kAbsent);
  }
  CHECK_FALSE(releasing.done());
  fail(2);
  CHECK(releasing.result() == ReleaseResult::NoQuorum);
}

TEST_CASE_FIXTURE(Case, "what a node in quarantine still has counts") {
  membership.on_identity(now, 1, identity("c", 0s));
  SUBCASE("the token") {
    answer(0, kOurs);
    answer(1, kOurs);
    CHECK(releasing.result() == ReleaseResult::Ours);
  }
  SUBCASE("another token") {
    answer(0, kOthers);
    answer(1, kOthers);
    CHECK(releasing.result() == ReleaseResult::Others);
  }
}

#include "lock/pending_releases.hpp"
#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using lock::PendingReleases;
using namespace redlock::quorum::test;

namespace {

struct Owing : Client {
  PendingReleases owed;

  Send release(NodeIndex node = 0, Duration allowed = 1s) {
    const Send send{.node = node,
                    .id = ids.next(),
                    .request = ReleaseRequest{Token{"ours"}},
                    .deadline = now.boot + allowed};
    owed.add(send);
    return send;
  }
  bool fails(const Send& send, const Failure& failure) { return owed.on_failure(now, send.id, failure); }
  PendingReleases::Due wait() {
    REQUIRE(owed.deadline() != TimePoint::max());
    pass(std::max(owed.deadline() - now.boot, Duration{}));
    return owed.on_time(now);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Owing, "a release is owed until it is answered") {
  const Send one = release(0);
  const Send other = release(1);
  owed.on_reply(one.id);
  CHECK_FALSE(owed.contains(one.id));
  CHECK_FALSE(owed.owes(0));
  CHECK(owed.owes(1));
  owed.on_reply(other.id);
  CHECK(owed.empty());
  CHECK(owed.deadline() == TimePoint::max());
}

TEST_CASE_FIXTURE(Owing,
                  "a release whose connection is refused or breaks is sent again, and never in a busy loop") {
  const Send send = release();
  unsigned tries = 0;
  const TimePoint began = now.boot;
  while (now.boot < began + 900ms) {
    REQUIRE(fails(send, kConnectionRefused));
    CHECK(owed.pauses(0));
    const auto due = wait();
    REQUIRE(due.again.size() == 1);
    CHECK(due.again[0].id == send.id);
    CHECK(due.again[0].deadline == send.deadline);
    CHECK_FALSE(owed.pauses(0));
    ++tries;
  }
  CHECK(tries >= 10);
  CHECK(tries <= 20);
}

TEST_CASE_FIXTURE(Owing, "a connection that breaks once is opened again at once") {
  const Send send = release();
  REQUIRE(fails(send, kConnectionBroken));
  CHECK(owed.deadline() == now.boot);
  CHECK(owed.on_time(now).again.size() == 1);
  REQUIRE(fails(send, kConnectionBroken));
  CHECK(owed.deadline() > now.boot);
}

TEST_CASE_FIXTURE(Owing, "at its deadline a release fails, for the last reason") {
  const Send send = release(3, 2ms);
  REQUIRE(fails(send, kConnectionRefused));
  CHECK(owed.deadline() == send.deadline);
  const auto due = wait();
  CHECK(due.again.empty());
  REQUIRE(due.expired.size() == 1);
  CHECK(due.expired[0].node == 3);
  CHECK(due.expired[0].id == send.id);
  CHECK(due.expired[0].failure.detail == kConnectionRefused.detail);
  CHECK(owed.empty());
}

TEST_CASE_FIXTURE(Owing,
                  "what a node answers for good is an outcome; a server that loads its data is asked again") {
  CHECK(fails(release(), kNotReady));
  CHECK_FALSE(fails(release(), kErrorReply));
  CHECK_FALSE(fails(release(), kTimedOut));
  CHECK_FALSE(owed.on_failure(now, 4711, kConnectionRefused));  // no release
}

#include "lock/queue_entries.hpp"
#include "lock_fixture.hpp"
#include "quorum/acquire_op.hpp"

#include <doctest/doctest.h>

using namespace redlock;
using namespace redlock::test;
using namespace std::chrono_literals;

namespace {

struct QueueEntriesCase : LockCase {
  lock::Driver driver{options()};  // for its nodes, which a request has reached
  lock::QueueEntries entries{driver.keys(), driver.size()};
  quorum::RequestIds ids;

  QueueEntriesCase() {
    quorum::AcquireOp acquisition{{.ttl = 10s, .node_timeout = kNodeTimeout, .least_validity = 1s},
                                  driver.membership(),
                                  driver.ids(),
                                  driver.entropy()};
    driver.start(acquisition);
    driver.run(acquisition);
  }

  quorum::RequestId sends(quorum::NodeIndex node, quorum::Request request) {
    const quorum::Send send{.node = node, .id = ids.next(), .request = std::move(request), .deadline = {}};
    entries.on_sent(send);
    return send.id;
  }
  quorum::RequestId acquires(quorum::NodeIndex node) {
    return sends(node, quorum::AcquireRequest{
                           .token = {"ours"}, .ttl = 10s, .proposal = 1, .waiter = quorum::QueueEntry{7, 8}});
  }
  std::vector<quorum::NodeIndex> leaves() {
    std::vector<quorum::NodeIndex> left;
    for (const redis::Query& query : entries.leave(driver.nodes(), ids, driver.now().boot + 1s))
      left.push_back(query.node);
    return left;
  }
};

using Left = std::vector<quorum::NodeIndex>;

}  // namespace

TEST_SUITE("queue entries") {
  TEST_CASE_FIXTURE(QueueEntriesCase, "a waiter leaves each queue that it may have entered, once") {
    acquires(0);
    sends(2, quorum::ProbeRequest{.token = {"ours"}, .waiter = quorum::QueueEntry{7, 8}});
    CHECK(leaves() == Left{0, 2});
    CHECK(leaves().empty());
  }

  TEST_CASE_FIXTURE(QueueEntriesCase, "a client that does not wait is in no queue") {
    sends(0, quorum::AcquireRequest{.token = {"ours"}, .ttl = 10s, .proposal = 1});
    CHECK(leaves().empty());
  }

  TEST_CASE_FIXTURE(QueueEntriesCase, "a grant takes its waiter out of the queue, and a refusal does not") {
    const auto granted = acquires(0);
    const auto refused = acquires(1);
    entries.on_reply(0, granted, quorum::Granted{.fence = 1});
    entries.on_reply(1, refused, quorum::Refused{.holder = {"other"}, .remaining = 1s, .info = {}});
    CHECK(leaves() == Left{1});
  }

  TEST_CASE_FIXTURE(QueueEntriesCase,
                    "a grant that is read after the next request was sent does not take its waiter out") {
    const auto earlier = acquires(0);
    const auto later = acquires(0);
    entries.on_reply(0, earlier, quorum::Granted{.fence = 1});
    SUBCASE("which enters the queue again") {
      CHECK(leaves() == Left{0});
    }
    SUBCASE("whose own grant does") {
      entries.on_reply(0, later, quorum::Granted{.fence = 2});
      CHECK(leaves().empty());
    }
  }

  TEST_CASE_FIXTURE(QueueEntriesCase, "a node owes the answer to a request that leaves its queue") {
    acquires(1);
    const auto queries = entries.leave(driver.nodes(), ids, driver.now().boot + 1s);
    REQUIRE(queries.size() == 1);
    CHECK(entries.owes(1));
    CHECK_FALSE(entries.owes(0));
    const auto answer = [](quorum::NodeIndex node, quorum::RequestId id) {
      return redis::Event{.node = node, .id = id, .what = redis::Value{}};
    };
    CHECK_FALSE(entries.take(answer(1, 0)));
    CHECK_FALSE(entries.take(answer(0, queries[0].id)));
    CHECK(entries.owes(1));
    CHECK(entries.take(answer(1, queries[0].id)));
    CHECK_FALSE(entries.owes(1));
    CHECK_FALSE(entries.take(answer(1, queries[0].id)));
  }
}

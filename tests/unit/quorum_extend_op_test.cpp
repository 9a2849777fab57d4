#include "quorum/extend_op.hpp"
#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {

constexpr Fence kFence = 700;

// An extension by somebody who knows nothing but the token.
class ByHand : public Client {
 public:
  explicit ByHand(std::size_t nodes = 5) : Client{nodes} {
    for (NodeIndex node = 0; node < nodes; ++node)
      membership.on_identity(now, node, identity("run-" + std::to_string(node)));
    take(extension.start(now));
  }

  ExtendOp extension{{.ttl = kTtl, .node_timeout = kNodeTimeout}, Token{"ours"}, membership, ids};
  std::vector<RequestId> asked = std::vector<RequestId>(membership.nodes());

  void answer(NodeIndex node, const Reply& reply) { take(extension.on_reply(now, node, asked[node], reply)); }
  void here(NodeIndex node, std::uint64_t set_by = 0, Fence counter = kFence) {
    answer(node, Extended{.set_by = set_by, .counter = counter});
  }
  // With the fence written down.
  void vouched(NodeIndex node, Fence counter, std::uint64_t set_by = 0) {
    answer(node, Extended{.set_by = set_by, .counter = counter, .fence = kFence});
  }
  void fail(NodeIndex node) { take(extension.on_reply(now, node, asked[node], kTimedOut)); }
  template <class Kind>
  const Kind* verdict() const {
    return extension.verdict() ? std::get_if<Kind>(&*extension.verdict()) : nullptr;
  }

 private:
  void take(std::vector<Send> sends) {
    sent = std::move(sends);
    for (const Send& send : sent) asked[send.node] = send.id;
  }
};

NotOurs absent(bool released = false) {
  return {.holder = {}, .released = released, .info = {}};
}
NotOurs elsewhere() {
  return {.holder = {"theirs"}, .released = false, .info = {}};
}

}  // namespace

TEST_CASE("an extension by hand asks every node, and restores nothing") {
  ByHand one;
  CHECK(one.count<ExtendRequest>() == 5);
  CHECK_FALSE(one.only<ExtendRequest>().repair);
}

TEST_CASE(
    "an extension by hand is a success with a quorum, and no earlier; validity counts from before it was "
    "sent") {
  ByHand one;
  one.pass(30ms);
  one.here(0);
  one.here(1);
  CHECK_FALSE(one.extension.verdict());
  one.here(2);
  const auto* extended = one.verdict<LeaseExtended>();
  REQUIRE(extended != nullptr);
  CHECK(extended->fence == kFence);
  CHECK(extended->votes == 3);
  CHECK(extended->valid_until == validity_end(one.now.boot - 30ms, kTtl));
}

TEST_CASE(
    "a node on which the fence is written down counts with it in any case, and another unless it is above "
    "it") {
  ByHand one;
  one.here(0, 0, kFence - 9);  // a late vote
  one.vouched(1, kFence + 5);  // a counter that was ahead
  one.vouched(2, kFence, 12);  // set by a keeper that vouches for it
  const auto* extended = one.verdict<LeaseExtended>();
  REQUIRE(extended != nullptr);
  CHECK(extended->fence == kFence);
  CHECK(extended->votes == 3);
}

TEST_CASE(
    "a node above the fence does not count, and where nobody knows the fence none but those that agree do") {
  ByHand one{3};
  SUBCASE("above the fence") {
    one.vouched(0, kFence);
    one.here(1, 0, kFence + 1);
  }
  SUBCASE("below a fence that is not known") {
    one.here(0, 0, kFence);
    one.here(1, 0, kFence - 1);
  }
  CHECK_FALSE(one.extension.verdict());
  one.fail(2);
  CHECK(one.verdict<NoQuorum>() != nullptr);
}

TEST_CASE("after a success the fence is written down where the node has the token and did not count") {
  ByHand one;
  for (const NodeIndex node : {0U, 1U}) one.here(node);
  one.here(3, 0, kFence + 40);
  one.here(4, 7, kFence);  // set by a keeper
  CHECK(one.sent.empty());
  one.here(2);
  REQUIRE(one.verdict<LeaseExtended>() != nullptr);
  CHECK(one.count<ExtendRequest>() == 2);
  const auto vouching = [&](NodeIndex node) {
    const Send* send = one.request<ExtendRequest>(node);
    REQUIRE(send != nullptr);
    return std::get<ExtendRequest>(send->request);
  };
  CHECK(vouching(3).vouches == kFence + 40);
  CHECK(vouching(3).fence == kFence);
  CHECK_FALSE(vouching(3).repair);
  CHECK(vouching(4).vouches == kFence);
}

TEST_CASE("a token that a running keeper restored does not count: only that keeper can judge it") {
  ByHand one{3};
  one.here(0);
  one.here(1, 7);
  one.here(2, 12);
  CHECK(one.verdict<NoQuorum>() != nullptr);
}

TEST_CASE("a token that an earlier extension by hand restored under a proven lease counts") {
  ByHand one{3};
  one.here(0);
  one.here(1, kWallUs);
  CHECK(one.verdict<LeaseExtended>() != nullptr);
}

TEST_CASE("a node that was somebody else's meanwhile does not count: its counter has grown") {
  ByHand one{3};
  one.here(0);
  one.here(1, 0, kFence + 1);
  one.fail(2);
  CHECK(one.verdict<NoQuorum>() != nullptr);
}

TEST_CASE("a node that restarted lately does not count") {
  ByHand one{3};
  one.membership.on_identity(one.now, 1, identity("run-1", 0s));
  one.here(0);
  one.here(1);
  one.fail(2);
  CHECK(one.verdict<NoQuorum>() != nullptr);
}

TEST_CASE("a token is restored where it is absent, but only behind a quorum") {
  ByHand one{3};
  one.answer(0, absent());
  CHECK(one.sent.empty());
  one.here(1);
  CHECK(one.sent.empty());
  one.here(2);
  REQUIRE(one.count<ExtendRequest>() == 1);
  REQUIRE(one.request<ExtendRequest>(0) != nullptr);
  CHECK(one.only<ExtendRequest>().repair);
  CHECK(one.only<ExtendRequest>().fence == kFence);
  CHECK(one.only<ExtendRequest>().attempt >= kLeastWallAttempt);
  CHECK_FALSE(one.extension.done());
  one.answer(0, Restored{0});
  CHECK(one.extension.done());
}

TEST_CASE("a lock that is wholly lost is not restored") {
  ByHand one{3};
  for (const NodeIndex node : {0U, 1U, 2U}) {
    one.answer(node, absent());
    CHECK(one.sent.empty());
  }
  const auto* lapsed = one.verdict<Lapsed>();
  REQUIRE(lapsed != nullptr);
  CHECK_FALSE(lapsed->released);
}

TEST_CASE("a quorum that has not got it decides: it expired, or somebody else has it") {
  ByHand expired;
  expired.here(0);
  for (const NodeIndex node : {1U, 2U, 3U}) expired.answer(node, absent());
  CHECK(expired.verdict<Lapsed>() != nullptr);
  ByHand taken;
  taken.answer(0, absent());
  taken.answer(1, elsewhere());
  taken.answer(2, elsewhere());
  CHECK(taken.verdict<HeldByOther>() != nullptr);
}

TEST_CASE("one node that knows of the release is enough, and then nothing is restored") {
  ByHand one{3};
  one.answer(0, absent(true));
  const auto* lapsed = one.verdict<Lapsed>();
  REQUIRE(lapsed != nullptr);
  CHECK(lapsed->released);
  one.here(1);
  one.here(2);
  CHECK(one.sent.empty());
}

TEST_CASE("when too few nodes answer, nobody can tell") {
  ByHand one{3};
  one.here(0);
  one.fail(1);
  CHECK_FALSE(one.extension.verdict());
  one.fail(2);
  CHECK(one.verdict<NoQuorum>() != nullptr);
}

TEST_CASE("answers that come when what they prolonged is over are worth nothing") {
  ByHand one{3};
  one.here(0);
  one.pass(kTtl);
  one.here(1);
  CHECK(one.verdict<NoQuorum>() != nullptr);
}

TEST_CASE("an extension that awaits only the outcome of a repair has nothing to do before it comes") {
  ByHand one{3};
  one.here(1);
  one.answer(0, absent());
  one.here(2);
  CHECK_FALSE(one.extension.done());
  CHECK(one.extension.deadline() == TimePoint::max());
}

TEST_CASE("nodes without a vote cannot say that a lease is over") {
  ByHand one{3};
  Identity replica = identity("run-1");
  replica.role = Role::Replica;
  one.membership.on_identity(one.now, 1, replica);
  one.answer(0, absent());
  SUBCASE("a replica says that nobody has it") {
    one.answer(1, absent());
  }
  SUBCASE("a replica says that another has it") {
    one.answer(1, elsewhere());
  }
  SUBCASE("a node that may have forgotten it says that nobody has it") {
    one.membership.on_identity(one.now, 1, identity("new", 0s));
    one.answer(1, absent());
  }
  CHECK_FALSE(one.extension.verdict());
  one.fail(2);
  CHECK(one.verdict<NoQuorum>() != nullptr);
}

TEST_CASE("a node in quarantine that has another token says that a lease is over") {
  ByHand one{3};
  one.membership.on_identity(one.now, 1, identity("new", 0s));
  one.answer(0, elsewhere());
  one.answer(1, elsewhere());
  CHECK(one.verdict<HeldByOther>() != nullptr);
}

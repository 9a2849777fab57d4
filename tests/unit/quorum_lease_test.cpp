#include "quorum_fixture.hpp"

using namespace redlock;
using namespace redlock::quorum;
using namespace redlock::quorum::test;

namespace {

constexpr Fence kFence = 50;
constexpr Duration kLead = 200ms;

// A lease of five nodes, whose votes are those of the first three; granted 10 ms after it was asked for.
class Holder : public Client {
 public:
  Holder() : granted_at{now.boot} {
    for (NodeIndex node = 0; node < 5; ++node) {
      membership.on_identity(now, node, identity("server " + std::to_string(node)));
    }
    pass(10ms);
    lease.emplace(LeaseRules{.ttl = kTtl, .node_timeout = kNodeTimeout, .lead = kLead}, membership,
                  Won{.token = {"ours"},
                      .fence = kFence,
                      .valid_until = validity_end(granted_at, kTtl),
                      .voters = {0, 1, 2}},
                  ids, entropy);
  }

  TimePoint granted_at;
  std::optional<Lease> lease;

  // Time passes until the lease acts.
  void wait() {
    pass(std::max(lease->deadline() - now.boot, Duration{}));
    sent = lease->on_time(now);
  }
  // The next attempt; 1 ms later its answers may come.
  void attempt() {
    for (int i = 0; i < 5 && sent.empty(); ++i) wait();
    REQUIRE(sent.size() == 5);
    asked_ = sent;
    began = now.boot;
    sent.clear();
    pass(1ms);
  }
  void answer(NodeIndex node, const Reply& reply) { lease->on_reply(now, node, asked_[node].id, reply); }
  void fail(NodeIndex node) { lease->on_reply(now, node, asked_[node].id, kTimedOut); }
  void here(NodeIndex node, std::uint64_t set_by = 0, Fence counter = kFence) {
    answer(node, Extended{.set_by = set_by, .counter = counter});
  }
  void succeed() {
    attempt();
    for (const NodeIndex node : {0U, 1U, 2U}) here(node);
    REQUIRE(lease->valid_until() == validity_end(began, kTtl));
    fail(3);
    fail(4);
  }
  // Attempts that the votes of 0, 1 and 2 do not make a success.
  void three_in_vain() {
    for (int i = 0; i < 3; ++i) {
      sent.clear();
      attempt();
      for (const NodeIndex node : {0U, 1U, 2U}) here(node);
      CHECK_FALSE(extended());
      fail(3);
      fail(4);
    }
  }
  bool extended() const { return lease->valid_until() == validity_end(began, kTtl); }
  template <class Kind>
  bool lost() const {
    return lease->lost() && std::holds_alternative<Kind>(*lease->lost());
  }

  const std::vector<Send>& asked() const { return asked_; }

  TimePoint began{};

 private:
  std::vector<Send> asked_;
};

}  // namespace

TEST_CASE_FIXTURE(Holder, "a lease is extended at a third of its TTL, on all nodes at once") {
  wait();
  CHECK(now.boot == granted_at + Duration{kTtl} / 3);
  REQUIRE(sent.size() == 5);
  for (const Send& send : sent) {
    const auto& extend = std::get<ExtendRequest>(send.request);
    CHECK(extend.token == Token{"ours"});
    CHECK(extend.fence == kFence);
    CHECK(extend.attempt == 1);
    CHECK(extend.repair);
    CHECK(send.deadline == lease->valid_until());  // however long the answer takes
  }
}

TEST_CASE_FIXTURE(Holder, "a quorum of its votes extends it, counted from before the send") {
  attempt();
  here(0);
  here(1);
  CHECK_FALSE(extended());
  here(2);
  CHECK(extended());
  CHECK(lease->last_success() == 1);
  wait();
  CHECK(now.boot == began + Duration{kTtl} / 3);
}

TEST_CASE_FIXTURE(Holder, "a minority of nodes may fail") {
  attempt();
  fail(3);
  fail(4);
  for (const NodeIndex node : {0U, 1U, 2U}) here(node);
  CHECK(extended());
}

TEST_CASE_FIXTURE(Holder, "one failed attempt is no loss: it is tried again soon") {
  attempt();
  for (NodeIndex node = 0; node < 5; ++node) fail(node);
  CHECK_FALSE(lease->lost());
  const TimePoint failed_at = now.boot;
  attempt();
  CHECK(began - failed_at <= Duration{kTtl} / 12 * 5 / 4);
  for (const NodeIndex node : {0U, 1U, 2U}) here(node);
  CHECK(extended());
}

TEST_CASE_FIXTURE(Holder, "a node that hangs leaves room for another attempt, whatever its timeout") {
  lease.emplace(
      LeaseRules{.ttl = kTtl, .node_timeout = 10s, .lead = kLead}, membership,
      Won{.token = {"ours"}, .fence = kFence, .valid_until = validity_end(granted_at, kTtl), .voters = {}},
      ids, entropy);
  wait();
  REQUIRE(sent.size() == 5);
  CHECK(lease->deadline() == now.boot + Duration{kTtl} / 4);
  wait();
  CHECK(lease->failures_in_a_row() == 1);
  attempt();
  CHECK(now.boot < granted_at + Duration{kTtl} * 2 / 3);
}

TEST_CASE_FIXTURE(Holder,
                  "an answer that takes longer than node_timeout counts, for the attempt that asked for it") {
  attempt();
  const auto first = asked();
  const TimePoint first_began = began;
  attempt();
  REQUIRE(began > first_began);
  CHECK(lease->failures_in_a_row() == 1);
  for (const NodeIndex node : {0U, 1U}) lease->on_reply(now, node, first[node].id, Extended{0, kFence});
  here(2);  // of the second attempt: not with the first two
  CHECK(lease->last_success() == 0);
  lease->on_reply(now, 2, first[2].id, Extended{0, kFence});
  CHECK(lease->last_success() == 1);
  CHECK(lease->failures_in_a_row() == 0);
  CHECK(lease->valid_until() == validity_end(first_began, kTtl));
  here(0);
  here(1);
  CHECK(lease->last_success() == 2);
  CHECK(lease->valid_until() == validity_end(began, kTtl));
}

TEST_CASE_FIXTURE(Holder, "answers to an attempt before the last success decide nothing") {
  attempt();
  const auto first = asked();
  attempt();
  for (const NodeIndex node : {0U, 1U, 2U}) here(node);
  const TimePoint end = lease->valid_until();
  for (const Send& send : first) lease->on_reply(now, send.node, send.id, NotOurs{{"theirs"}});
  CHECK_FALSE(lease->lost());
  CHECK(lease->valid_until() == end);
}

TEST_CASE_FIXTURE(Holder, "the slowest node, which answers behind the success, is known all the same") {
  attempt();
  for (const NodeIndex node : {0U, 1U, 2U}) here(node);
  REQUIRE(extended());
  SUBCASE("its note ends the lease") {
    answer(3, NotOurs{.holder = {}, .released = true});
    CHECK(lost<ReleasedByHand>());
  }
  SUBCASE("it is put to use soon when it has been repaired") {
    answer(3, Restored{kFence + 7});
    CHECK(lease->deadline() <= now.boot + Duration{kTtl} / 12);
  }
  SUBCASE("a repaired one counts after the next success, whatever its counter") {
    answer(3, Restored{kFence + 7});
    attempt();
    for (const NodeIndex node : {0U, 1U, 2U}) here(node);
    here(3, 1, kFence + 7);
    REQUIRE(extended());
    attempt();
    here(0);
    here(1);
    here(3, 1, kFence + 7);
    CHECK(extended());
  }
}

TEST_CASE_FIXTURE(Holder, "a repaired node is told our fence once it has counted, for extensions by hand") {
  const auto vouches = [&](NodeIndex node) { return std::get<ExtendRequest>(asked()[node].request).vouches; };
  succeed();
  attempt();
  answer(3, Restored{0});
  for (const NodeIndex node : {0U, 1U, 2U}) here(node);
  attempt();
  CHECK(vouches(3) == 0);  // it has not counted yet
  for (const NodeIndex node : {3U, 0U, 1U}) here(node, node == 3 ? 2 : 0);
  REQUIRE(extended());
  attempt();
  CHECK(vouches(3) == kFence);
  CHECK(vouches(0) == 0);  // it has voted, and knows the fence
}

TEST_CASE_FIXTURE(Holder, "a counter that has risen says that the token has been gone meanwhile") {
  succeed();
  attempt();
  here(0);
  here(1);
  here(2, 0, kFence + 2);  // another holder, and behind it a late request of ours
  fail(3);
  fail(4);
  CHECK_FALSE(extended());
}

TEST_CASE_FIXTURE(
    Holder, "after a success that came while another attempt was under way the next one waits for its time") {
  attempt();
  const auto first = asked();
  attempt();
  for (const NodeIndex node : {0U, 1U, 2U}) lease->on_reply(now, node, first[node].id, Extended{0, kFence});
  REQUIRE(lease->last_success() == 1);
  wait();
  CHECK(now.boot >= std::min(began + Duration{kTtl} / 3, lease->valid_until() - kLead));
}

TEST_CASE_FIXTURE(Holder, "two addresses that have come to lead to one server count once") {
  succeed();
  // Nodes 3 and 4 are silent, and address 2 leads to server 1 now.
  membership.on_identity(now, 2, identity("server 1"));
  three_in_vain();
}

TEST_CASE_FIXTURE(
    Holder, "an address that leads to another server, or to this one and that, does not count any more") {
  // Address 2 leads to server 3 now, where a late acquisition has set the token: no vote of the grant.
  succeed();
  CHECK_FALSE(lease->moved(2));
  membership.on_identity(now, 2, identity("server 3"));
  three_in_vain();
  CHECK(lease->moved(2));
  CHECK_FALSE(lease->moved(1));
  membership.on_identity(now, 2, identity("server 2"));
  three_in_vain();
  // With others the lease goes on.
  for (int i = 0; i < 2; ++i) {
    sent.clear();
    attempt();
    for (const NodeIndex node : {0U, 1U, 2U, 3U}) here(node);
    fail(4);
  }
  CHECK(lease->last_success() > 1);
}

TEST_CASE_FIXTURE(Holder, "that an address leads to another server shows also where the key is not there") {
  succeed();
  membership.on_identity(now, 2, identity("server 3"));
  attempt();
  answer(2, NotOurs{.holder = {}, .released = false});
  CHECK(lease->moved(2));
}

TEST_CASE_FIXTURE(Holder, "a server that has restarted with its keys is the same one") {
  succeed();
  pass(20ms);
  for (const NodeIndex node : {0U, 1U, 2U}) {
    membership.on_identity(now, node, identity("restarted " + std::to_string(node), 0s));
  }
  attempt();
  for (const NodeIndex node : {0U, 1U, 2U}) here(node);
  CHECK(extended());
}

TEST_CASE_FIXTURE(Holder, "a node that has been repaired is put to use soon") {
  succeed();
  attempt();
  answer(3, Restored{0});
  for (const NodeIndex node : {0U, 1U, 2U}) here(node);
  REQUIRE(extended());
  CHECK(lease->deadline() == began + Duration{kTtl} / 12);
}

TEST_CASE_FIXTURE(Holder, "retries go on until the lead before the end of validity, and then it is lost") {
  const TimePoint end = lease->valid_until();
  int attempts = 0;
  while (!lease->lost()) {
    REQUIRE(lease->deadline() <= end - kLead);
    wait();
    if (sent.empty()) continue;
    ++attempts;
    REQUIRE(attempts < 100);
    for (const Send& send : sent) lease->on_reply(now, send.node, send.id, kTimedOut);
  }
  CHECK(lost<Expired>());
  CHECK(attempts > 3);
  CHECK(now.boot == end - kLead);
  CHECK(lease->deadline() == TimePoint::max());
  CHECK(lease->on_time(now).empty());
}

TEST_CASE_FIXTURE(Holder, "answers that come when it should be lost do not save it") {
  attempt();
  here(0);
  here(1);
  pass(lease->valid_until() - kLead - now.boot);
  here(2);
  CHECK(lost<Expired>());
}

TEST_CASE_FIXTURE(Holder, "a late win is extended at once, not lost without an attempt") {
  now.boot = granted_at + 600ms;
  lease.emplace(
      LeaseRules{.ttl = kTtl, .node_timeout = kNodeTimeout, .lead = kLead}, membership,
      Won{.token = {"ours"}, .fence = kFence, .valid_until = validity_end(granted_at, kTtl), .voters = {}},
      ids, entropy);
  wait();
  CHECK(now.boot == granted_at + 600ms);
  CHECK(sent.size() == 5);
}

TEST_CASE_FIXTURE(Holder, "a restarted node rejoins: its vote counts from the attempt after the replanting") {
  attempt();
  here(0);
  here(1);
  answer(2, Restored{0});
  fail(3);
  fail(4);
  CHECK_FALSE(extended());
  CHECK_FALSE(lease->lost());
  attempt();
  here(0);
  here(1);
  here(2, 1);
  CHECK(extended());
}

TEST_CASE_FIXTURE(Holder,
                  "a vote that was replanted by a request whose answer was lost counts one attempt later") {
  attempt();
  here(0);
  here(1);
  for (const NodeIndex node : {2U, 3U, 4U}) fail(node);
  attempt();
  here(0);
  here(1);
  here(2, 1);  // attempt 1 set it: it is seen for the first time
  fail(3);
  fail(4);
  CHECK_FALSE(extended());
  attempt();
  here(0);
  here(1);
  here(2, 1);
  CHECK(extended());
}

TEST_CASE_FIXTURE(Holder,
                  "a vote through which somebody was granted more counts only after a success without it") {
  attempt();
  here(0);
  here(1);
  answer(2, Restored{kFence + 1});
  fail(3);
  fail(4);
  attempt();
  here(0);
  here(1);
  here(2, 1, kFence + 1);
  fail(3);
  fail(4);
  CHECK_FALSE(extended());
  attempt();
  here(0);
  here(1);
  answer(3, Restored{0});  // proven in the next attempt
  here(2, 1, kFence + 1);
  fail(4);
  CHECK_FALSE(extended());
  attempt();
  here(0);
  here(1);
  here(3, 3);
  CHECK(extended());
  here(2, 1, kFence + 1);
  fail(4);
  attempt();
  here(0);
  here(2, 1, kFence + 1);
  here(3, 3);
  CHECK(extended());
}

TEST_CASE_FIXTURE(Holder, "a vote without proof counts only after a success that began when it was there") {
  attempt();
  answer(3, Restored{kFence + 1});
  for (const NodeIndex node : {0U, 1U, 2U}) here(node);
  REQUIRE(extended());
  fail(4);
  attempt();
  here(0);
  here(1);
  here(3, 1, kFence + 1);
  CHECK_FALSE(extended());
  here(2);
  REQUIRE(extended());
  fail(4);
  attempt();
  here(0);
  here(1);
  here(3, 1, kFence + 1);
  CHECK(extended());
}

TEST_CASE_FIXTURE(Holder, "a repaired vote does not count while a rival's round may outlast the lease") {
  // A round that began just before the crash ends up to 709 ms later: after this lease, at 988 ms.
  const auto lease_of = [&](const Membership& voters) {
    lease.emplace(LeaseRules{.ttl = kTtl, .node_timeout = 700ms, .lead = kLead}, voters,
                  Won{.token = {"ours"},
                      .fence = kFence,
                      .valid_until = validity_end(granted_at, kTtl),
                      .voters = {0, 1, 2}},
                  ids, entropy);
  };
  const auto repair_and_extend = [&](Duration uptime, Membership& voters) {
    attempt();
    here(0);
    here(1);
    const std::string server = uptime == 0s ? "another start" : "server 2";
    voters.on_identity(now, 2, identity(server, std::chrono::duration_cast<std::chrono::seconds>(uptime)));
    answer(2, Restored{0});
    fail(3);
    fail(4);
    attempt();
    here(0);
    here(1);
    here(2, 1);
    fail(3);
    fail(4);
  };
  SUBCASE("of a crash that may have been just now") {
    lease_of(membership);
    repair_and_extend(0s, membership);
    CHECK_FALSE(extended());
  }
  SUBCASE("a node that has been up for long has lost its key in another way") {
    lease_of(membership);
    repair_and_extend(1h, membership);
    CHECK(extended());
  }
  SUBCASE("where the quarantine is zero a crash wipes out no vote") {
    Membership trusting{5, Duration::zero()};
    lease_of(trusting);
    repair_and_extend(0s, trusting);
    CHECK(extended());
  }
}

TEST_CASE_FIXTURE(Holder, "votes that the acquisition did not count are proven like replanted ones") {
  attempt();
  here(0);
  here(1);
  here(3);  // its grant came after the verdict
  fail(2);
  fail(4);
  CHECK_FALSE(extended());
  attempt();
  here(0);
  here(1);
  here(3);
  CHECK(extended());
}

TEST_CASE_FIXTURE(Holder, "a lock that was wholly lost is never resurrected") {
  attempt();
  SUBCASE("nobody has it") {
    for (NodeIndex node = 0; node < 5; ++node) answer(node, Restored{0});
    CHECK(lost<Vanished>());
  }
  SUBCASE("nobody has it, and some nodes are silent") {
    for (const NodeIndex node : {0U, 1U, 2U}) answer(node, Restored{0});
    fail(3);
    fail(4);
    CHECK_FALSE(lease->lost());
    attempt();
    for (const NodeIndex node : {0U, 1U, 2U}) here(node, 1);
    fail(3);
    fail(4);
    CHECK_FALSE(extended());
  }
  SUBCASE("somebody else has it on one node") {
    answer(0, NotOurs{{"theirs"}});
    for (const NodeIndex node : {1U, 2U, 3U, 4U}) answer(node, Restored{0});
    CHECK(lost<Taken>());
  }
}

TEST_CASE_FIXTURE(Holder, "a quorum of nodes that another token holds is a loss at once") {
  attempt();
  here(0);
  answer(1, NotOurs{{"theirs"}});
  answer(2, NotOurs{{"theirs"}});
  CHECK_FALSE(lease->lost());
  answer(3, NotOurs{{"theirs"}});
  REQUIRE(lost<Taken>());
  CHECK(std::get<Taken>(*lease->lost()).holder == Token{"theirs"});
  CHECK(lease->on_reply(now, 4, 1, Extended{}).empty());
}

TEST_CASE_FIXTURE(Holder, "answers of a former attempt do not count") {
  attempt();
  const auto former = sent;
  const RequestId late = ids.next() - 5;  // of the first node
  for (NodeIndex node = 0; node < 5; ++node) fail(node);
  attempt();
  lease->on_reply(now, 0, late, Extended{.set_by = 0, .counter = kFence});
  here(1);
  here(2);
  CHECK_FALSE(extended());
  here(0);
  CHECK(extended());
}

TEST_CASE_FIXTURE(Holder, "an answer to another question counts as a failure") {
  attempt();
  answer(0, Granted{1});
  here(1);
  here(2);
  fail(3);
  fail(4);
  CHECK_FALSE(extended());
  CHECK_FALSE(lease->lost());
}

TEST_CASE_FIXTURE(Holder, "successive extensions push the end further each time") {
  for (int i = 0; i < 5; ++i) {
    sent.clear();
    succeed();
    CHECK(lease->last_success() == static_cast<std::uint64_t>(i) + 1);
  }
  CHECK_FALSE(lease->lost());
}

// The history for which restored votes must ripen. Three nodes; node 2 never had the holder's token, so a rival
// is granted its vote. It crashes, the vote is forgotten, and the holder restores its own token there; the rival
// still counts what it was told, and waits for node 0, where the holder's key is about to expire.
TEST_CASE("a rival whose vote a crash wiped out does not win beside the lease") {
  constexpr Duration kSlow = 1s;
  Client holder{3};
  const TimePoint start = holder.now.boot;
  const auto at = [&](std::chrono::milliseconds time) {
    return Now{.boot = start + time, .wall_us = kWallUs + static_cast<std::uint64_t>(time.count()) * 1000};
  };
  Lease lease{
      {.ttl = kTtl, .node_timeout = kSlow, .lead = 1ms},
      holder.membership,
      {.token = {"ours"}, .fence = kWallUs, .valid_until = validity_end(start, kTtl), .voters = {0, 1}},
      holder.ids,
      holder.entropy};
  const auto first = lease.on_time(at(334ms));
  REQUIRE(first.size() == 3);
  lease.on_reply(at(336ms), 0, first[0].id, Extended{.set_by = 0, .counter = kWallUs});  // expires at 1335 ms

  Client rival{3};
  AcquireOp acquisition{{.ttl = kTtl, .node_timeout = kSlow, .least_validity = 20ms, .max_rounds = 1},
                        rival.membership,
                        rival.ids,
                        rival.entropy};
  const auto asked = acquisition.start(at(500ms));
  const Fence proposal = std::get<AcquireRequest>(asked[2].request).proposal;
  acquisition.on_reply(at(502ms), 2, asked[2].id, Granted{proposal});
  acquisition.on_reply(at(502ms), 1, asked[1].id, refused("ours", 832ms));

  // Node 2 restarts empty; what the holder sent there comes after that, and node 1's answer is late.
  lease.on_reply(at(551ms), 2, first[2].id, Restored{0});
  lease.on_reply(at(561ms), 1, first[1].id, Extended{.set_by = 0, .counter = kWallUs});
  REQUIRE(lease.last_success() == 1);
  // From now on the holder does not reach node 0.
  for (std::chrono::milliseconds now = 667ms; !lease.lost() && now < 1400ms; now += 1ms) {
    for (const Send& send : lease.on_time(at(now))) {
      if (send.node == 0) lease.on_reply(at(now), 0, send.id, kTimedOut);
      if (send.node == 1) lease.on_reply(at(now), 1, send.id, Extended{.set_by = 0, .counter = kWallUs});
      if (send.node == 2) lease.on_reply(at(now), 2, send.id, Extended{.set_by = 1, .counter = kWallUs});
    }
  }
  // Its key there has expired, and the rival's request arrives at last.
  acquisition.on_reply(at(1400ms), 0, asked[0].id, Granted{proposal});
  REQUIRE(std::holds_alternative<Won>(*acquisition.verdict()));
  CHECK(lease.valid_until() <= at(1400ms).boot);
}

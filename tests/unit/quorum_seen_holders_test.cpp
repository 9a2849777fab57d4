#include "quorum/seen_holders.hpp"

#include <doctest/doctest.h>

using namespace redlock;
using namespace redlock::quorum;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow{1000s};
constexpr ServerId kServers[] = {11, 22, 33};

// Three servers, all up for 10 s, of which `node` answers at `at`.
struct Nodes {
  SeenHolders seen;
  std::vector<std::optional<ServerId>> servers{std::begin(kServers), std::end(kServers)};

  void refuses(NodeIndex node, TimePoint at, const char* holder, std::chrono::milliseconds left,
               std::chrono::milliseconds ttl) {
    Refused refused{.holder = Token{holder}, .remaining = left, .info = {}};
    refused.holder_ttl = ttl;
    seen.on_answer(
        {.sent = at - 1ms, .read = at, .node = node, .server = servers[node], .refused = &refused});
  }
  void has_nothing(NodeIndex node, TimePoint at) {
    seen.on_answer({.sent = at - 1ms, .read = at, .node = node, .server = servers[node], .refused = nullptr});
  }
  bool may_have_forgotten(TimePoint at) const { return seen.unknown_for(10s, at) > Duration::zero(); }
};

}  // namespace

TEST_CASE("a holder that was seen counts until the TTL that its key had left is over") {
  Nodes nodes;
  nodes.refuses(0, kNow, "long", 40s, 60s);
  CHECK(nodes.seen.longest_ttl(kNow) == Duration{60s});
  CHECK(nodes.seen.unknown_for(10s, kNow) == Duration{40s} + 402ms);  // clocks differ by 1 % and 2 ms
  CHECK(nodes.seen.unknown_for(50s, kNow) == Duration{10s});
  CHECK(nodes.may_have_forgotten(kNow + 40s));
  CHECK_FALSE(nodes.may_have_forgotten(kNow + 41s));
  CHECK(nodes.seen.longest_ttl(kNow + 41s) == Duration::zero());
  CHECK(nodes.seen.unknown_for(60s, kNow) == Duration::zero());
}

TEST_CASE("a holder whose key was deleted before its time has released the lock everywhere") {
  Nodes nodes;
  for (const NodeIndex node : {0U, 1U}) nodes.refuses(node, kNow, "long", 60s, 60s);
  nodes.has_nothing(2, kNow + 1s);  // which has never shown it
  CHECK(nodes.may_have_forgotten(kNow + 1s));
  SUBCASE("the key is absent") {
    nodes.has_nothing(1, kNow + 2s);
  }
  SUBCASE("the next has it") {
    nodes.refuses(1, kNow + 2s, "next", 1s, 1s);
  }
  CHECK_FALSE(nodes.may_have_forgotten(kNow + 2s));
}

TEST_CASE("a holder that others still show is not gone because a restarted node has forgotten it") {
  Nodes nodes;
  for (const NodeIndex node : {0U, 1U}) nodes.refuses(node, kNow, "long", 60s, 60s);
  SUBCASE("") {
    nodes.servers[0] = 44;
  }
  SUBCASE("nor because a node that does not say who it is may have") {
    nodes.servers[0].reset();
  }
  nodes.has_nothing(0, kNow + 2s);
  CHECK(nodes.may_have_forgotten(kNow + 2s));
}

TEST_CASE("a holder whose key may have expired on one node may go on with the others") {
  Nodes nodes;
  nodes.refuses(0, kNow, "long", 5s, 60s);
  nodes.refuses(1, kNow, "long", 60s, 60s);
  nodes.has_nothing(0, kNow + 4950ms);  // by a clock that is 1 % fast
  CHECK(nodes.may_have_forgotten(kNow + 10s));
}

TEST_CASE("the later answer of the same server tells how long a holder counts") {
  Nodes nodes;
  nodes.refuses(0, kNow, "rests", 1h, 1h);
  CHECK(nodes.may_have_forgotten(kNow + 1h + 30s));  // clocks may differ by 1 %
  SUBCASE("most of its rest is over") {
    nodes.refuses(0, kNow + 59min, "rests", 1min, 1h);
    CHECK(nodes.may_have_forgotten(kNow + 1h));
    CHECK_FALSE(nodes.may_have_forgotten(kNow + 1h + 1s));
  }
  SUBCASE("its rest is shorter than its lease was") {
    nodes.refuses(0, kNow + 1s, "rests", 20s, 20s);
    CHECK(nodes.may_have_forgotten(kNow + 21s));
    CHECK_FALSE(nodes.may_have_forgotten(kNow + 22s));
  }
  SUBCASE("which it does not if it does not say who it is") {
    nodes.servers[0].reset();
    nodes.refuses(0, kNow + 59min, "rests", 1min, 1h);
    CHECK(nodes.may_have_forgotten(kNow + 1h + 30s));
  }
}

TEST_CASE("a server that went back to an earlier expiry shortens nothing") {
  Nodes nodes;
  nodes.refuses(0, kNow, "long", 60s, 60s);
  nodes.servers[0] = 44;
  nodes.refuses(0, kNow + 1s, "long", 2s, 60s);
  nodes.has_nothing(0, kNow + 4s);
  CHECK(nodes.may_have_forgotten(kNow + 50s));
}

TEST_CASE("a key without a TTL says how long it counts only where its holder wrote that down") {
  Nodes nodes;
  nodes.refuses(0, kNow, "by hand", -1ms, 0ms);
  CHECK_FALSE(nodes.may_have_forgotten(kNow));
  nodes.refuses(0, kNow, "persisted", -1ms, 30s);
  CHECK(nodes.may_have_forgotten(kNow + 29s));
  CHECK_FALSE(nodes.may_have_forgotten(kNow + 31s));
}

TEST_CASE("no holder counts for longer than the longest TTL that may be configured") {
  Nodes nodes;
  nodes.refuses(0, kNow, "lies", std::chrono::hours{24 * 365}, std::chrono::hours{24 * 365});
  CHECK(nodes.seen.longest_ttl(kNow) == Duration{std::chrono::hours{24 * 30}});
  CHECK_FALSE(nodes.may_have_forgotten(kNow + std::chrono::hours{24 * 31}));
}

#include "redis/answers.hpp"
#include "redis/keys.hpp"
#include "redis/node_error.hpp"
#include "redis/queue.hpp"
#include "redis/scripts.hpp"
#include "redis_support.hpp"

#include <doctest/doctest.h>

#include <string>

// The scripts on a real redis-server, command by command, against the words of quorum/types.hpp.

using namespace redlock;
using namespace redlock::test;
using quorum::Confirmed;
using quorum::Extended;
using quorum::Failure;
using quorum::Granted;
using quorum::NotOurs;
using quorum::Refused;
using quorum::Released;
using quorum::Restored;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kTtl{30'000};
constexpr long long kFenceLifeMs = 30LL * 24 * 3600 * 1000;

struct Bench : ServerBench {
  long long pttl(std::string_view key) { return client->ask({"PTTL", key}).integer; }
};

template <class What>
What answer(Bench& bench, quorum::Request request) {
  const redis::Event event = bench.node->ask(std::move(request));
  if (const auto* failure = failure_of(event)) FAIL(failure->detail);
  const What* reply = reply_as<What>(event);
  REQUIRE(reply != nullptr);
  return *reply;
}

quorum::ExtendRequest extend(std::string token, std::uint64_t attempt, bool repair,
                             quorum::Fence fence = 1000) {
  return {.token = {std::move(token)}, .ttl = kTtl, .fence = fence, .attempt = attempt, .repair = repair};
}

}  // namespace

TEST_SUITE("redis scripts") {
  TEST_CASE("acquire takes a free key, writes down the holder and grants the proposal as fence") {
    Bench bench;
    if (bench.server == nullptr) return;
    CHECK(answer<Granted>(bench, acquire("ours")).fence == 1000);
    CHECK(bench.client->tell({"GET", "k"}) == "ours");
    CHECK(bench.pttl("k") > 0);
    CHECK(bench.pttl("k") <= kTtl.count());
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "1000");
    CHECK(bench.pttl("redlock.fence:k") > kFenceLifeMs - 60'000);
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "token"}) == "ours");
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "host"}) == "h");
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "user"}) == "u");
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "command"}) == "c d");
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "pid"}) == "42");
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "since"}) == "7");
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "note"}) == "n");
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "planted"}) == "0");
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "ttl"}) == "30000");
    CHECK(bench.pttl("redlock.info:k") > 0);
    CHECK(bench.client->tell({"DBSIZE"}) == "3");
  }

  TEST_CASE("acquire goes above the counter where that is ahead of the proposal") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.client->ask({"SET", "redlock.fence:k", "1700000000123456"});
    CHECK(answer<Granted>(bench, acquire("ours")).fence == 1700000000123457);
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "1700000000123457");
    CHECK(answer<Granted>(bench, acquire("ours", kTtl, 1800000000000001)).fence == 1800000000000001);
  }

  TEST_CASE("acquire is refused where another token is, and says whose for how long") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("theirs"));
    const auto refused = answer<Refused>(bench, acquire("ours"));
    CHECK(refused.holder.value == "theirs");
    CHECK(refused.remaining > milliseconds{0});
    CHECK(refused.remaining <= kTtl);
    CHECK(refused.info.host == "h");
    CHECK(refused.info.user == "u");
    CHECK(refused.info.command == "c d");
    CHECK(refused.info.pid == 42);
    CHECK(refused.info.since_us == 7);
    CHECK(refused.info.note == "n");
    CHECK(refused.holder_ttl == kTtl);
    CHECK(bench.client->tell({"GET", "k"}) == "theirs");
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "1000");
  }

  TEST_CASE("the holder's info is left out when another library holds the lock") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("ours"));
    bench.client->ask({"SET", "k", "foreign"});
    const auto refused = answer<Refused>(bench, acquire("ours"));
    CHECK(refused.holder.value == "foreign");
    CHECK(refused.remaining < milliseconds{0});
    CHECK(refused.info.host.empty());
    CHECK(refused.info.pid == 0);
    CHECK(refused.holder_ttl == milliseconds{0});
  }

  TEST_CASE("info of another type, or a TTL that is none, does not spoil a refusal") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("theirs"));
    for (const char* ttl : {"-1", "x", "1e3", "99999999999999999999"}) {
      bench.client->ask({"HSET", "redlock.info:k", "ttl", ttl});
      CHECK(answer<Refused>(bench, acquire("ours")).holder_ttl == milliseconds{0});
    }
    bench.client->ask({"SET", "redlock.info:k", "text"});
    const auto refused = answer<Refused>(bench, acquire("ours"));
    CHECK(refused.holder.value == "theirs");
    CHECK(refused.info.host.empty());
    CHECK(answer<NotOurs>(bench, extend("ours", 1, true)).holder.value == "theirs");
    CHECK(answer<Released>(bench, quorum::ReleaseRequest{{"ours"}}).held_by_other);
  }

  TEST_CASE("extend writes down a greater TTL, and never a lesser one") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("ours"));
    const auto extended_for = [&](milliseconds ttl) {
      quorum::ExtendRequest request = extend("ours", 1, true);
      request.ttl = ttl;
      answer<Extended>(bench, request);
      return bench.client->tell({"HGET", "redlock.info:k", "ttl"});
    };
    CHECK(extended_for(milliseconds{2000}) == "30000");
    CHECK(extended_for(milliseconds{60'000}) == "60000");
  }

  TEST_CASE("what is there for people decides nothing where it is of another type") {
    Bench bench;
    if (bench.server == nullptr) return;
    const auto spoil = [&](std::string_view holder) {
      bench.client->ask({"FLUSHALL"});
      bench.client->ask({"SET", "k", holder, "PX", "30000"});
      for (const char* key : {"redlock.info:k", "redlock.queue:k"}) bench.client->ask({"SET", key, "none"});
    };
    spoil("theirs");
    quorum::AcquireRequest waiting{
        .token = {"mine"}, .ttl = kTtl, .proposal = 1000, .waiter = quorum::QueueEntry{1, 2}};
    CHECK(answer<Refused>(bench, waiting).holder == quorum::Token{"theirs"});
    CHECK(answer<NotOurs>(bench, extend("mine", 1, true)).holder == quorum::Token{"theirs"});
    CHECK_FALSE(answer<Released>(bench, quorum::ReleaseRequest{{"mine"}}).was_ours);
    spoil("mine");
    CHECK(answer<Extended>(bench, extend("mine", 7, true)).set_by == 7);
    CHECK(answer<Extended>(bench, extend("mine", 8, true)).set_by == 7);
    spoil("mine");
    CHECK(answer<Granted>(bench, waiting).fence == 1000);
    spoil("mine");
    CHECK(answer<Released>(bench, quorum::ReleaseRequest{{"mine"}}).was_ours);
    bench.client->ask({"SET", "redlock.info:k", "none"});
    bench.client->ask({"DEL", "k"});
    CHECK(answer<Restored>(bench, extend("mine", 9, true)).counter == 0);
    bench.client->ask({"DEL", "k", "redlock.info:k"});
    bench.client->ask({"SET", "redlock.info:k", "none"});
    CHECK(answer<Granted>(bench, waiting).fence > 1000);
  }

  TEST_CASE("acquire refreshes our own token, keeps when it was planted and raises the fence") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("ours"));
    bench.client->ask({"HSET", "redlock.info:k", "planted", "5"});
    bench.client->ask({"PEXPIRE", "k", "9000"});
    CHECK(answer<Granted>(bench, acquire("ours")).fence == 1001);
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "planted"}) == "5");
    CHECK(bench.pttl("k") > 10'000);
  }

  TEST_CASE("fences stay exact up to 2^53 - 1, and nothing is granted above") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.client->ask({"SET", "redlock.fence:k", "9007199254740989"});
    CHECK(answer<Granted>(bench, acquire("ours")).fence == quorum::kMaxFence - 1);
    CHECK(answer<Granted>(bench, acquire("ours")).fence == quorum::kMaxFence);
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "9007199254740991");
    answer<Released>(bench, quorum::ReleaseRequest{{"ours"}});
    const redis::Event event = bench.node->ask(acquire("ours"));
    REQUIRE(failure_of(event) != nullptr);
    CHECK(failure_of(event)->kind == redis::NodeError::BadCounter);
    CHECK(bench.client->tell({"EXISTS", "k"}) == "0");
  }

  TEST_CASE("nothing is granted on a counter that is not an integer") {
    Bench bench;
    if (bench.server == nullptr) return;
    for (const char* counter : {"abc", "1e5", "1.5", "-3", "", " 1", "0x10", "99999999999999999"}) {
      CAPTURE(counter);
      bench.client->ask({"SET", "redlock.fence:k", counter});
      const redis::Event event = bench.node->ask(acquire("ours"));
      REQUIRE(failure_of(event) != nullptr);
      CHECK(failure_of(event)->detail.find("fence counter") != std::string::npos);
      CHECK(bench.client->tell({"EXISTS", "k"}) == "0");
      CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == counter);
    }
  }

  TEST_CASE("a key of another type is an error and not a lock") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.client->ask({"LPUSH", "k", "x"});
    const redis::Event event = bench.node->ask(acquire("ours"));
    REQUIRE(failure_of(event) != nullptr);
    CHECK(failure_of(event)->detail.find("WRONGTYPE") != std::string::npos);
    CHECK(bench.client->tell({"LLEN", "k"}) == "1");
    CHECK(bench.client->tell({"EXISTS", "redlock.fence:k"}) == "0");
  }

  TEST_CASE("confirm writes the fence back only while our token is there and the counter is not above it") {
    Bench bench;
    if (bench.server == nullptr) return;
    CHECK(!answer<Confirmed>(bench, quorum::ConfirmRequest{{"ours"}, 2000}).accepted);
    CHECK(bench.client->tell({"EXISTS", "redlock.fence:k"}) == "0");
    answer<Granted>(bench, acquire("ours"));
    CHECK(answer<Confirmed>(bench, quorum::ConfirmRequest{{"ours"}, 1000}).accepted);
    CHECK(answer<Confirmed>(bench, quorum::ConfirmRequest{{"ours"}, 2000}).accepted);
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "2000");
    CHECK(bench.pttl("redlock.fence:k") > kFenceLifeMs - 60'000);
    CHECK(!answer<Confirmed>(bench, quorum::ConfirmRequest{{"ours"}, 1999}).accepted);
    CHECK(!answer<Confirmed>(bench, quorum::ConfirmRequest{{"theirs"}, 3000}).accepted);
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "2000");
    CHECK(answer<Confirmed>(bench, quorum::ConfirmRequest{{"ours"}, quorum::kMaxFence}).accepted);
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "9007199254740991");
  }

  TEST_CASE(
      "confirm writes the fence down beside the token, also on a counter that the grant itself has raised") {
    Bench bench;
    if (bench.server == nullptr) return;
    const auto written = [&] { return bench.client->tell({"HGET", "redlock.info:k", "fence"}); };
    answer<Granted>(bench, acquire("ours"));
    CHECK(written() == "(nil)");
    CHECK(!answer<Confirmed>(bench, quorum::ConfirmRequest{{"ours"}, 900, 999}).accepted);
    CHECK(written() == "(nil)");
    CHECK(!answer<Confirmed>(bench, quorum::ConfirmRequest{{"ours"}, 900, 1000}).accepted);
    CHECK(written() == "900");
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "1000");
    CHECK(answer<Extended>(bench, extend("ours", 1, true)).fence == 900);
    answer<Granted>(bench, acquire("ours"));  // planted anew
    CHECK(written() == "(nil)");
    CHECK(answer<Extended>(bench, extend("ours", 1, true)).fence == 0);
    answer<Confirmed>(bench, quorum::ConfirmRequest{{"ours"}, 2000});
    CHECK(written() == "2000");
  }

  TEST_CASE("extend writes the fence down where its sender vouches for the token") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("ours"));
    quorum::ExtendRequest request = extend("ours", 1, false, 900);
    request.vouches = 999;
    CHECK(answer<Extended>(bench, request).fence == 0);
    request.vouches = 1000;
    CHECK(answer<Extended>(bench, request).fence == 900);
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "fence"}) == "900");
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "1000");
  }

  TEST_CASE("a release by hand leaves a note, also where the token is absent, and no repair passes it") {
    Bench bench;
    if (bench.server == nullptr) return;
    const std::string note = "redlock.released.ours:k";
    SUBCASE("where the token is absent") {
      CHECK(!answer<Released>(bench, quorum::ReleaseRequest{{"ours"}, milliseconds{5000}}).was_ours);
      CHECK(bench.pttl(note) > 2000);
      CHECK(bench.pttl(note) <= 5000);
    }
    SUBCASE("where it is another's, which stays") {
      answer<Granted>(bench, acquire("theirs"));
      CHECK(answer<Released>(bench, quorum::ReleaseRequest{{"ours"}, milliseconds{5000}}).held_by_other);
      CHECK(bench.client->tell({"GET", "k"}) == "theirs");
      answer<Released>(bench, quorum::ReleaseRequest{{"theirs"}});
    }
    SUBCASE("for as long as the holder's TTL, where that is longer") {
      answer<Granted>(bench, acquire("ours"));
      bench.client->ask({"PEXPIRE", "k", "9000"});
      CHECK(answer<Released>(bench, quorum::ReleaseRequest{{"ours"}, milliseconds{1}}).was_ours);
      CHECK(bench.pttl(note) > 10'000);
      answer<Released>(bench, quorum::ReleaseRequest{{"ours"}, milliseconds{1}});
      CHECK(bench.pttl(note) > 10'000);
    }
    const auto refused = answer<NotOurs>(bench, extend("ours", 1, true));
    CHECK(refused.holder.value.empty());
    CHECK(refused.released);
    CHECK_FALSE(refused.broken);
    CHECK(bench.client->tell({"EXISTS", "k"}) == "0");
    bench.client->ask({"DEL", note});
    answer<Released>(bench, quorum::ReleaseRequest{{"ours"}, milliseconds{5000}, true});
    CHECK(answer<NotOurs>(bench, extend("ours", 1, true)).broken);
  }

  TEST_CASE("a node whose memory is full takes releases and extensions, and no more locks") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("ours"));
    bench.client->ask({"DEL", "redlock.info:k"});  // which an extension writes anew
    bench.client->ask({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
    bench.client->ask({"CONFIG", "SET", "maxmemory", "1"});
    const redis::Value denied = bench.client->ask({"SET", "other", "x"});
    const redis::Event more = bench.node->ask(acquire("ours"));
    const auto extended = answer<Extended>(bench, [&] {
      quorum::ExtendRequest request = extend("ours", 1, true);
      request.ttl = 2 * kTtl;
      request.vouches = 1000;
      return request;
    }());
    const auto released = answer<Released>(bench, quorum::ReleaseRequest{{"ours"}, milliseconds{5000}});
    const std::string note = bench.client->tell({"GET", "redlock.released.ours:k"});
    const auto absent = answer<Released>(bench, quorum::ReleaseRequest{{"ours"}, milliseconds{5000}});
    const redis::Event repair = bench.node->ask(extend("theirs", 1, true));
    bench.client->ask({"CONFIG", "SET", "maxmemory", "0"});
    CHECK(denied.text.find("OOM") == 0);
    REQUIRE(failure_of(more) != nullptr);
    CHECK(failure_of(more)->kind == redis::NodeError::OutOfMemory);
    CHECK(extended.fence == 1000);
    CHECK(released.was_ours);
    CHECK(note == "released");
    CHECK(!absent.was_ours);
    REQUIRE(failure_of(repair) != nullptr);
    CHECK(failure_of(repair)->kind == redis::NodeError::OutOfMemory);
    CHECK(bench.client->tell({"EXISTS", "k"}) == "0");
  }

  TEST_CASE("a script runs in its own database, or not at all") {
    Bench bench;
    if (bench.server == nullptr) return;
    redis::NodeEndpoint endpoint = bench.server->unix_endpoint();
    SUBCASE("in its own") {
      endpoint.db = 3;
      Conversation node{endpoint};
      CHECK(reply_as<Granted>(node.ask(acquire("ours"))) != nullptr);
      bench.client->ask({"SELECT", "3"});
      CHECK(bench.client->tell({"GET", "k"}) == "ours");
    }
    SUBCASE("not at all where there is none such") {
      endpoint.db = 99;
      Conversation node{endpoint};
      const redis::Event event = node.ask(acquire("ours"));
      REQUIRE(failure_of(event) != nullptr);
      CHECK(failure_of(event)->kind == redis::NodeError::NoSuchDatabase);
    }
    bench.client->ask({"SELECT", "0"});
    CHECK(bench.client->tell({"DBSIZE"}) == "0");
  }

  TEST_CASE("extend gives our key its whole TTL again, and its companions theirs") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("ours"));
    for (const char* key : {"k", "redlock.info:k", "redlock.fence:k"})
      bench.client->ask({"PEXPIRE", key, "9000"});
    const auto extended = answer<Extended>(bench, extend("ours", 3, true));
    CHECK(extended.set_by == 0);
    CHECK(extended.counter == 1000);
    CHECK(bench.pttl("k") > 10'000);
    CHECK(bench.pttl("redlock.info:k") > 10'000);
    CHECK(bench.pttl("redlock.fence:k") > kFenceLifeMs - 60'000);
  }

  TEST_CASE("extend leaves an absent key alone unless it may repair") {
    Bench bench;
    if (bench.server == nullptr) return;
    CHECK(answer<NotOurs>(bench, extend("ours", 1, false)).holder.value.empty());
    CHECK(bench.client->tell({"DBSIZE"}) == "0");
  }

  TEST_CASE("repair plants the token as of this attempt, raises the counter and says what it found") {
    Bench bench;
    if (bench.server == nullptr) return;
    CHECK(answer<Restored>(bench, extend("ours", 4, true, 5000)).counter == 0);
    CHECK(bench.client->tell({"GET", "k"}) == "ours");
    CHECK(bench.pttl("k") > 10'000);
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "5000");
    CHECK(bench.client->tell({"HGET", "redlock.info:k", "host"}) == "h");
    const auto extended = answer<Extended>(bench, extend("ours", 5, true, 5000));
    CHECK(extended.set_by == 4);
    CHECK(extended.counter == 5000);
  }

  TEST_CASE("repair never lowers a counter") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.client->ask({"SET", "redlock.fence:k", "9000"});
    CHECK(answer<Restored>(bench, extend("ours", 1, true, 5000)).counter == 9000);
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "9000");
  }

  TEST_CASE("an extension that finds the info gone counts as planted by itself") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("ours"));
    bench.client->ask({"DEL", "redlock.info:k"});
    CHECK(answer<Extended>(bench, extend("ours", 6, true)).set_by == 6);
    CHECK(answer<Extended>(bench, extend("ours", 7, true)).set_by == 6);
    CHECK(bench.pttl("redlock.info:k") > 10'000);
  }

  TEST_CASE("extend never touches another's lock") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("theirs"));
    bench.client->ask({"PEXPIRE", "k", "9000"});
    CHECK(answer<NotOurs>(bench, extend("ours", 1, true, 5000)).holder.value == "theirs");
    CHECK(bench.pttl("k") <= 9000);
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "1000");
  }

  TEST_CASE("release deletes our lock and its info, and nothing else") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(bench, acquire("ours"));
    const auto released = answer<Released>(bench, quorum::ReleaseRequest{{"ours"}});
    CHECK(released.was_ours);
    CHECK(!released.held_by_other);
    CHECK(bench.client->tell({"KEYS", "*"}).empty());
    CHECK(bench.client->tell({"DBSIZE"}) == "1");
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == "1000");
  }

  TEST_CASE("release leaves another's lock alone and tells it from an expired one") {
    Bench bench;
    if (bench.server == nullptr) return;
    const auto expired = answer<Released>(bench, quorum::ReleaseRequest{{"ours"}});
    CHECK(!expired.was_ours);
    CHECK(!expired.held_by_other);
    answer<Granted>(bench, acquire("theirs"));
    const auto others = answer<Released>(bench, quorum::ReleaseRequest{{"ours"}});
    CHECK(!others.was_ours);
    CHECK(others.held_by_other);
    CHECK(bench.client->tell({"GET", "k"}) == "theirs");
    CHECK(bench.client->tell({"EXISTS", "redlock.info:k"}) == "1");
  }

  TEST_CASE("keys and holders of any bytes survive") {
    Bench bench;
    if (bench.server == nullptr) return;
    const std::string key = "a b\r\n{x}'\"\\\xff%s";
    Conversation node{bench.server->unix_endpoint(), key};
    CHECK(reply_as<Granted>(node.ask(acquire("ours"))) != nullptr);
    CHECK(bench.client->tell({"GET", key}) == "ours");
    CHECK(bench.client->tell({"EXISTS", "redlock.info:" + key}) == "1");
  }
}

TEST_SUITE("a lock of several names") {
  // A node, and locks of it.
  struct Locks {
    Bench bench;
    std::optional<Conversation> both, one, other;

    Locks() {
      if (bench.server == nullptr) return;
      both.emplace(bench.server->unix_endpoint(), std::vector<std::string>{"k", "m"});
      one.emplace(bench.server->unix_endpoint(), "k");
      other.emplace(bench.server->unix_endpoint(), "m");
    }
    std::string at(const std::string& key) { return bench.client->tell({"GET", key}); }
  };

  template <class What>
  What reply(Conversation & lock, quorum::Request request) {
    const redis::Event event = lock.ask(std::move(request));
    if (const auto* failure = failure_of(event)) FAIL(failure->detail);
    const What* what = reply_as<What>(event);
    REQUIRE(what != nullptr);
    return *what;
  }

  quorum::AcquireRequest waiting(std::string token, std::uint64_t began_us) {
    quorum::AcquireRequest request = acquire(std::move(token));
    request.waiter = {.began_us = began_us, .number = 1};
    return request;
  }

  TEST_CASE("a grant is for all names, with one fence above all that they had") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    reply<Granted>(*locks.other, acquire("earlier", std::chrono::seconds{30}, 5000));
    reply<Released>(*locks.other, quorum::ReleaseRequest{{"earlier"}});
    CHECK(reply<Granted>(*locks.both, acquire("ours")).fence == 5001);
    CHECK(locks.at("k") == "ours");
    CHECK(locks.at("m") == "ours");
    CHECK(locks.at("redlock.fence:k") == "5001");
    CHECK(locks.at("redlock.fence:m") == "5001");
    CHECK(reply<Granted>(*locks.both, acquire("ours")).fence == 5002);  // refreshed
  }

  TEST_CASE("a refusal names the holder of every name that is held, and touches none") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    reply<Granted>(*locks.other, acquire("theirs"));
    const auto refused = reply<Refused>(*locks.both, acquire("ours"));
    CHECK(refused.holder.value == "theirs");
    CHECK(refused.name == 1);
    CHECK(refused.info.host == "h");
    CHECK(refused.others.empty());
    CHECK(locks.at("k") == "(nil)");
    CHECK(locks.at("redlock.fence:k") == "(nil)");
    reply<Granted>(*locks.one, acquire("hers"));
    const auto twice = reply<Refused>(*locks.both, acquire("ours"));
    CHECK(twice.holder.value == "hers");
    REQUIRE(twice.others.size() == 1);
    CHECK(twice.others[0].holder.value == "theirs");
    CHECK(twice.others[0].name == 1);
  }

  TEST_CASE("an extension touches nothing where one name is another's, and sets those that are absent") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    const auto extension = [](std::uint64_t attempt, bool repair) {
      return quorum::ExtendRequest{.token = {"ours"},
                                   .ttl = std::chrono::seconds{60},
                                   .fence = 1000,
                                   .attempt = attempt,
                                   .repair = repair};
    };
    reply<Granted>(*locks.both, acquire("ours"));
    CHECK(reply<Extended>(*locks.both, extension(1, true)).set_by == 0);

    locks.bench.client->ask({"DEL", "m"});
    CHECK(reply<NotOurs>(*locks.both, extension(2, false)).holder.value.empty());
    CHECK(locks.at("m") == "(nil)");
    CHECK(reply<Restored>(*locks.both, extension(2, true)).counter == 1000);
    CHECK(locks.at("m") == "ours");
    // It was not there whole: it counts as set anew on each name.
    CHECK(reply<Extended>(*locks.both, extension(3, true)).set_by == 2);

    locks.bench.client->ask({"DEL", "m"});
    reply<Granted>(*locks.other, acquire("theirs"));
    locks.bench.client->ask({"PEXPIRE", "k", "9000"});
    CHECK(reply<NotOurs>(*locks.both, extension(4, true)).holder.value == "theirs");
    CHECK(locks.bench.pttl("k") <= 9000);
  }

  TEST_CASE("a confirmation is for all names or for none") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    reply<Granted>(*locks.both, acquire("ours"));
    CHECK(reply<Confirmed>(*locks.both, quorum::ConfirmRequest{{"ours"}, 2000}).accepted);
    CHECK(locks.at("redlock.fence:k") == "2000");
    CHECK(locks.at("redlock.fence:m") == "2000");
    locks.bench.client->ask({"DEL", "m"});
    CHECK(!reply<Confirmed>(*locks.both, quorum::ConfirmRequest{{"ours"}, 3000}).accepted);
    CHECK(locks.at("redlock.fence:k") == "2000");
  }

  TEST_CASE("a release is of each name by itself, and leaves a note for each") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    reply<Granted>(*locks.both, acquire("ours"));
    locks.bench.client->ask({"DEL", "k"});
    reply<Granted>(*locks.one, acquire("theirs"));
    const auto released = reply<Released>(
        *locks.both, quorum::ReleaseRequest{.token = {"ours"}, .note = std::chrono::seconds{30}});
    CHECK(!released.was_ours);
    CHECK(released.held_by_other);
    CHECK(locks.at("k") == "theirs");
    CHECK(locks.at("m") == "(nil)");
    CHECK(locks.at(redis::LockKeys{"k"}.note("ours")) == "released");
    CHECK(locks.at(redis::LockKeys{"m"}.note("ours")) == "released");
  }

  TEST_CASE("a release may be of one name, whoever has the others") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    reply<Granted>(*locks.one, acquire("first"));
    reply<Granted>(*locks.other, acquire("second"));
    const quorum::ReleaseRequest release{
        .token = {"second"}, .note = milliseconds{5000}, .breaks = true, .name = 1};
    CHECK(reply<Released>(*locks.both, release).was_ours);
    CHECK(locks.at("k") == "first");
    CHECK(locks.at("m") == "(nil)");
    CHECK(locks.at("redlock.released.second:m") == "broken");
    CHECK(locks.at("redlock.released.second:k") == "(nil)");
  }

  TEST_CASE("the first in all queues bars waiters from each of its names, and nobody else") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    reply<Granted>(*locks.other, acquire("theirs"));
    CHECK(reply<Refused>(*locks.both, waiting("ours", 1000)).position->ahead == 0);
    const auto barred = reply<Refused>(*locks.one, waiting("hers", 2000));
    CHECK(barred.barred);
    CHECK(barred.holder.value == redis::name_in_queue({.began_us = 1000, .number = 1}));
    CHECK(barred.remaining > std::chrono::seconds{1});
    CHECK(barred.remaining <= std::chrono::seconds{3});
    CHECK(barred.position->ahead == 1);
    reply<Granted>(*locks.one, acquire("in no queue"));
    reply<Released>(*locks.one, quorum::ReleaseRequest{{"in no queue"}});

    reply<Released>(*locks.other, quorum::ReleaseRequest{{"theirs"}});
    reply<Granted>(*locks.both, waiting("ours", 1000));
    CHECK(locks.at("redlock.bar:k") == redis::name_in_queue({.began_us = 2000, .number = 1}));
    CHECK(locks.at("redlock.bar:m") == "(nil)");
  }

  TEST_CASE(
      "a waiter for one name that says so bars others when it is the first, until it is granted the lock") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    reply<Granted>(*locks.one, acquire("theirs"));
    auto ours = waiting("ours", 1000);
    ours.bars = true;
    auto hers = waiting("hers", 2000);
    hers.bars = true;
    reply<Refused>(*locks.one, ours);
    reply<Refused>(*locks.one, hers);  // is not the first
    reply<Released>(*locks.one, quorum::ReleaseRequest{{"theirs"}});
    CHECK(reply<Refused>(*locks.one, hers).holder.value ==
          redis::name_in_queue({.began_us = 1000, .number = 1}));
    reply<Granted>(*locks.one, ours);
    CHECK(locks.at("redlock.bar:k") == "(nil)");
  }

  TEST_CASE("a waiter for several names that is behind another in one queue bars the others") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    reply<Granted>(*locks.other, acquire("theirs"));
    reply<Refused>(*locks.other, waiting("first", 500));
    const auto position = reply<Refused>(*locks.both, waiting("ours", 1000)).position;
    CHECK(position->ahead == 1);
    CHECK(position->waiting == 2);
    CHECK(locks.at("redlock.bar:k") == redis::name_in_queue({.began_us = 1000, .number = 1}));
    CHECK(locks.at("redlock.bar:m") == "(nil)");
  }

  TEST_CASE("a grant of several names bars each for the next in its queue") {
    Locks locks;
    if (locks.bench.server == nullptr) return;
    reply<Granted>(*locks.both, acquire("theirs"));
    reply<Refused>(*locks.other, waiting("next", 2000));
    reply<Refused>(*locks.other, waiting("last", 3000));
    reply<Released>(*locks.both, quorum::ReleaseRequest{{"theirs"}});
    reply<Granted>(*locks.both, waiting("ours", 1000));
    CHECK(locks.at("redlock.bar:k") == "(nil)");
    CHECK(locks.at("redlock.bar:m") == redis::name_in_queue({.began_us = 2000, .number = 1}));
    reply<Released>(*locks.both, quorum::ReleaseRequest{{"ours"}});
    CHECK(reply<Refused>(*locks.other, waiting("last", 3000)).barred);
    reply<Granted>(*locks.other, waiting("next", 2000));
    CHECK(locks.at("redlock.bar:m") == "(nil)");
  }
}

TEST_SUITE("redis answers") {
  using redis::RequestKind;
  using redis::Value;

  Value text(std::string of) {
    return {.type = Value::Type::String, .text = std::move(of)};
  }
  Value number(long long of) {
    return {.type = Value::Type::Integer, .integer = of};
  }
  Value list(std::vector<Value> of) {
    return {.type = Value::Type::Array, .elements = std::move(of)};
  }

  bool garbled(RequestKind kind, Value value) {
    const auto outcome = redis::decode(kind, std::move(value));
    const auto* failure = std::get_if<Failure>(&outcome);
    return failure != nullptr && failure->kind == redis::NodeError::Garbled;
  }

  TEST_CASE("an answer of a wrong shape or out of range is garbled") {
    const Value answers[] = {
        number(1),
        number(-1),
        number(2),
        text("1"),
        list({}),
        list({number(1)}),
        list({text("1"), text("5")}),
        list({number(1), text("")}),
        list({number(1), text("0x5")}),
        list({number(1), text("-5")}),
        list({number(1), text("9007199254740992")}),
        list({number(1), text("99999999999999999999999")}),
        list({number(1), text("5 ")}),
        list({number(7), text("5")}),
        list({number(1), number(5), number(5)}),
        list({number(0), text("t"), text("1"), text(""), text(""), text(""), text(""), text("")}),
        list({number(0), text("t"), number(1), list({}), text(""), text(""), text(""), text("")}),
        list({number(1), text("1"), text("x")}),
        list({number(1), text("x"), text("1")}),
        Value{}};
    for (const Value& each : answers) {
      CHECK(garbled(RequestKind::Acquire, each));
      CHECK(
          (garbled(RequestKind::Confirm, each) || (each.type == Value::Type::Integer && each.integer == 1)));
      CHECK(garbled(RequestKind::Extend, each));
      CHECK(garbled(RequestKind::Release, each));
    }
    CHECK(garbled(RequestKind::Acquire, list({number(1), text("0")})));
    const auto refusal = [](long long name) {
      return list({number(0), number(-1), number(-1), list({list({number(name), text("t"), number(1)})})});
    };
    CHECK(!garbled(RequestKind::Acquire, refusal(15)));
    CHECK(garbled(RequestKind::Acquire, refusal(16)));
    CHECK(garbled(RequestKind::Acquire, refusal(-1)));
    CHECK(garbled(RequestKind::Acquire, list({number(0), number(-1), number(-1), list({})})));
    CHECK(!garbled(RequestKind::Probe, list({number(1), number(-1), number(-1), list({})})));
    CHECK(garbled(RequestKind::Probe, list({number(2), number(-1), number(-1), list({})})));
    const auto slot = [](long long name) { return list({list({number(name), text("t"), number(1)})}); };
    CHECK(!garbled(RequestKind::AcquireSlot, list({number(1), text("7"), slot(100)})));
    CHECK(garbled(RequestKind::AcquireSlot, list({number(1), text("7"), slot(101)})));
    CHECK(garbled(RequestKind::AcquireSlot, list({number(1), text("7"), slot(0)})));
    CHECK(garbled(RequestKind::AcquireSlot, list({number(1), text("7")})));
    CHECK(garbled(RequestKind::AcquireSlot, list({number(1), text("0"), slot(1)})));
    CHECK(!garbled(RequestKind::ProbeSlots, list({number(1), number(-1), number(-1), slot(1)})));
    CHECK(garbled(RequestKind::Probe, list({number(1), number(-1), number(-1), slot(1)})));
    CHECK(garbled(RequestKind::ProbeSlots, list({number(0), number(-1), number(-1), list({})})));
    CHECK(garbled(RequestKind::Release, list({number(1), number(1)})));
    CHECK(garbled(RequestKind::Release, list({number(0), number(2)})));
    CHECK(garbled(RequestKind::Extend, list({number(2), text("9007199254740992")})));
  }

  TEST_CASE("a command that an ACL forbids a script is named, also where the server only tells the line") {
    const auto said = [](RequestKind kind, std::string text) {
      const auto outcome = redis::decode(kind, {.type = Value::Type::Error, .text = std::move(text)});
      const Failure& failure = std::get<Failure>(outcome);
      CHECK(failure.kind == redis::NodeError::NotPermitted);
      return failure.detail;
    };
    const std::string begins =
        "ERR The user executing the script can't run this command or subcommand script: 85, on ";
    std::string commands;
    for (std::size_t line = 1; line < 60; ++line) {
      for (const RequestKind kind : {RequestKind::Acquire, RequestKind::Extend, RequestKind::Release}) {
        const std::string_view command = redis::command_in_script(kind, line);
        if (command.empty()) continue;
        const std::string name{command};
        commands += name + " ";
        CHECK(said(kind, begins + "@user_script:" + std::to_string(line) + ".") == "NOPERM for " + name);
        CHECK(said(kind, "ERR Error running script (call to f_1): @user_script:" + std::to_string(line) +
                             ": @user_script: " + std::to_string(line) +
                             ": The user executing the script can't run this command or subcommand") ==
              "NOPERM for " + name);
        const auto renamed = redis::decode(
            kind, {.type = Value::Type::Error,
                   .text = "ERR Unknown Redis command called from script script: 85, on @user_script:" +
                           std::to_string(line) + "."});
        CHECK(std::get<Failure>(renamed).kind == redis::NodeError::UnknownCommand);
        CHECK(std::get<Failure>(renamed).detail == name);
      }
    }
    for (const char* each : {"GET ", "SET ", "DEL ", "PTTL ", "PEXPIRE ", "HSET ", "HMGET "}) {
      CHECK(commands.find(each) != std::string::npos);
    }
    // Where nothing can be made of it, the server's own words stay.
    for (const char* line : {"0", "1", "999", "99999999999999999999", "", "-1"}) {
      const std::string text = begins + "@user_script:" + line + ".";
      CHECK(said(RequestKind::Acquire, text) == text);
    }
    const std::string names_it =
        "ERR ACL failure in script: User a has no permissions to run the 'set' command script: 85, on "
        "@user_script:3.";
    CHECK(said(RequestKind::Acquire, names_it) == "NOPERM for set");
  }

  TEST_CASE("a remaining time beyond all measure, and nonsense about the holder, do not spoil a refusal") {
    const Value name = list({number(0), text("t"), number(9223372036854775807LL), text("h"), text("u"),
                             text("c"), text("pid"), text("-1"), text("n"), text("-5"), text("256")});
    const auto outcome =
        redis::decode(RequestKind::Acquire, list({number(0), number(7), number(3), list({name})}));
    const auto& refused = std::get<Refused>(std::get<quorum::Reply>(outcome));
    CHECK(refused.remaining > std::chrono::hours{24 * 365});
    CHECK(std::chrono::nanoseconds{refused.remaining}.count() > 0);
    CHECK(refused.info.host == "h");
    CHECK(refused.info.pid == 0);
    CHECK(refused.info.since_us == 0);
    CHECK(refused.holder_ttl == milliseconds{0});
    REQUIRE(refused.info.resting.has_value());
    CHECK(refused.info.resting->status == 0);
    CHECK(!refused.info.resting->since);
    CHECK(!refused.position);  // the eighth of three
  }
}

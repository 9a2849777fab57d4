#include "redis/keys.hpp"
#include "redis/look.hpp"
#include "redis_support.hpp"

#include <doctest/doctest.h>

#include <string>

// A rest on a real redis-server: a release that leaves the key behind (quorum/types.hpp, ReleaseRequest).

using namespace redlock;
using namespace redlock::test;
using quorum::Granted;
using quorum::NotOurs;
using quorum::Refused;
using quorum::Released;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kTtl{30'000};
constexpr milliseconds kLong{3'600'000};
constexpr long long kFenceLifeMs = 30LL * 24 * 3600 * 1000;
constexpr long long kMoment = 20'000;  // longer than any of these tests takes

// With clients of one name and of two.
struct RestBench : ServerBench {
  RestBench() {
    if (server != nullptr) both.emplace(server->unix_endpoint(), std::vector<std::string>{"k", "m"});
  }
  bool lacks_server() const { return server == nullptr; }
  long long pttl(std::string_view key) { return client->ask({"PTTL", key}).integer; }
  std::string tell(std::initializer_list<std::string_view> words) { return client->tell(words); }

  std::optional<Conversation> both;
};

template <class What>
What reply_to(std::optional<Conversation>& node, quorum::Request request) {
  const redis::Event event = node->ask(std::move(request));
  if (const auto* failure = failure_of(event)) FAIL(failure->detail);
  const What* reply = reply_as<What>(event);
  REQUIRE(reply != nullptr);
  return *reply;
}

quorum::ReleaseRequest rest(std::string token, milliseconds length, int status = 0) {
  return {
      .token = {std::move(token)}, .note = kTtl, .rest = quorum::Rest{.length = length, .status = status}};
}

quorum::ExtendRequest extend(std::string token, bool repair) {
  return {.token = {std::move(token)}, .ttl = kTtl, .fence = 1000, .attempt = 1, .repair = repair};
}

bool about(long long left, long long wanted) {
  return left <= wanted && left > wanted - kMoment;
}

const std::string kNote = redis::LockKeys{"k"}.note("ours");

}  // namespace

TEST_SUITE("redis rests") {
  TEST_CASE("a rest leaves the key behind for its length, be that more or less than was left of it") {
    RestBench bench;
    if (bench.lacks_server()) return;
    for (const milliseconds length : {kLong, milliseconds{5000}}) {
      CAPTURE(length.count());
      bench.client->ask({"FLUSHALL"});
      reply_to<Granted>(bench.node, acquire("ours"));
      CHECK(reply_to<Released>(bench.node, rest("ours", length, 3)).was_ours);
      CHECK(bench.tell({"GET", "k"}) == "ours");
      CHECK(about(bench.pttl("k"), length.count()));
      CHECK(about(bench.pttl("redlock.info:k"), length.count()));
      CHECK(bench.tell({"HGET", "redlock.info:k", "resting"}) == "3");
      CHECK(bench.tell({"HGET", "redlock.info:k", "ttl"}) == std::to_string(length.count()));
      CHECK(bench.tell({"HGET", "redlock.info:k", "host"}) == "h");
      CHECK(about(bench.pttl("redlock.fence:k"), kFenceLifeMs + length.count()));
      CHECK(about(bench.pttl(kNote), std::max(length, kTtl).count()));
    }
  }

  TEST_CASE("a rest sets nothing where the token is not there, and leaves its note") {
    RestBench bench;
    if (bench.lacks_server()) return;
    const auto absent = reply_to<Released>(bench.node, rest("ours", kLong));
    CHECK(!absent.was_ours);
    CHECK(!absent.held_by_other);
    CHECK(bench.tell({"EXISTS", "k", "redlock.info:k", "redlock.fence:k"}) == "0");
    CHECK(bench.tell({"GET", kNote}) == "resting");
    reply_to<Granted>(bench.node, acquire("theirs"));
    const long long counter_life = bench.pttl("redlock.fence:k");
    const auto others = reply_to<Released>(bench.node, rest("ours", kLong));
    CHECK(others.held_by_other);
    CHECK(others.info.host == "h");
    CHECK(bench.tell({"GET", "k"}) == "theirs");
    CHECK(bench.pttl("k") <= kTtl.count());
    CHECK(bench.pttl("redlock.fence:k") <= counter_life);
    CHECK(bench.tell({"HGET", "redlock.info:k", "resting"}) == "(nil)");
  }

  TEST_CASE("neither a keeper nor an extension by hand touches a lock that rests, nor restores it") {
    RestBench bench;
    if (bench.lacks_server()) return;
    reply_to<Granted>(bench.node, acquire("ours"));
    reply_to<Released>(bench.node, rest("ours", milliseconds{5000}));
    for (const bool repair : {true, false}) {
      const auto refused = reply_to<NotOurs>(bench.node, extend("ours", repair));
      CHECK(refused.holder.value.empty());
      CHECK(refused.released);
      CHECK(bench.pttl("k") <= 5000);
    }
    bench.client->ask({"DEL", "k", "redlock.info:k"});
    CHECK(reply_to<NotOurs>(bench.node, extend("ours", true)).released);
    CHECK(bench.tell({"EXISTS", "k"}) == "0");
  }

  TEST_CASE("a note that was there before, and lives longer, does not let the token be extended") {
    RestBench bench;
    if (bench.lacks_server()) return;
    reply_to<Granted>(bench.node, acquire("ours"));
    bench.client->ask({"SET", kNote, "broken", "PX", "9000000"});
    reply_to<Released>(bench.node, rest("ours", milliseconds{5000}));
    CHECK(reply_to<NotOurs>(bench.node, extend("ours", true)).released);
    CHECK(bench.pttl("k") <= 5000);
    CHECK(bench.tell({"GET", kNote}) == "resting");
    CHECK(bench.pttl(kNote) > 8000000);
  }

  TEST_CASE("a rest of a token that is gone tells whether it was released by hand") {
    RestBench bench;
    if (bench.lacks_server()) return;
    CHECK(!reply_to<Released>(bench.node, rest("ours", kLong)).by_hand);
    CHECK(
        !reply_to<Released>(bench.node, rest("ours", kLong)).by_hand);  // the note is that of the rest before
    bench.client->ask({"SET", kNote, "broken", "PX", "60000"});
    CHECK(!reply_to<Released>(bench.node, rest("ours", kLong)).by_hand);
    bench.client->ask({"DEL", kNote});
    reply_to<Granted>(bench.node, acquire("ours"));
    reply_to<Released>(bench.node, quorum::ReleaseRequest{.token = {"ours"}, .note = milliseconds{5000}});
    const auto released = reply_to<Released>(bench.node, rest("ours", kLong));
    CHECK(!released.was_ours);
    CHECK(released.by_hand);
  }

  TEST_CASE("an acquire that was long under way does not shorten the rest of its own token") {
    RestBench bench;
    if (bench.lacks_server()) return;
    reply_to<Granted>(bench.node, acquire("ours"));
    reply_to<Released>(bench.node, rest("ours", kLong));
    CHECK(reply_to<Refused>(bench.node, acquire("ours")).holder.value == "ours");
    CHECK(about(bench.pttl("k"), kLong.count()));
    CHECK(bench.tell({"HGET", "redlock.info:k", "resting"}) == "0");
  }

  TEST_CASE(
      "who is refused hears that the lock rests, for how long it has and will, and how its command ended") {
    RestBench bench;
    if (bench.lacks_server()) return;
    reply_to<Granted>(bench.node, acquire("ours"));
    CHECK(!reply_to<Refused>(bench.node, acquire("theirs")).info.resting);
    reply_to<Released>(bench.node, rest("ours", kLong, 143));
    bench.client->ask({"PEXPIRE", "k", "3000000"});  // ten minutes later
    const auto refused = reply_to<Refused>(bench.node, acquire("theirs"));
    CHECK(refused.holder_ttl == kLong);
    CHECK(about(refused.remaining.count(), 3'000'000));
    CHECK(refused.info.host == "h");
    REQUIRE(refused.info.resting.has_value());
    CHECK(refused.info.resting->status == 143);
    CHECK(refused.info.resting->since == kLong - refused.remaining);

    const auto not_ours = reply_to<NotOurs>(bench.node, extend("theirs", true));
    REQUIRE(not_ours.info.resting.has_value());
    CHECK(not_ours.info.resting->status == 143);
    const auto others = reply_to<Released>(bench.node, quorum::ReleaseRequest{{"theirs"}});
    CHECK(others.info.resting.has_value());
  }

  TEST_CASE("a rest is of each name by itself") {
    RestBench bench;
    if (bench.lacks_server()) return;
    reply_to<Granted>(bench.both, acquire("ours"));
    bench.client->ask({"DEL", "k"});
    reply_to<Granted>(bench.node, acquire("theirs"));
    const auto released = reply_to<Released>(bench.both, rest("ours", kLong));
    CHECK(!released.was_ours);
    CHECK(released.held_by_other);
    CHECK(bench.tell({"GET", "k"}) == "theirs");
    CHECK(bench.pttl("k") <= kTtl.count());
    CHECK(about(bench.pttl("m"), kLong.count()));
    CHECK(about(bench.pttl("redlock.fence:m"), kFenceLifeMs + kLong.count()));
  }

  TEST_CASE("a release with its token, or by breaking it, ends a rest") {
    RestBench bench;
    if (bench.lacks_server()) return;
    for (const bool breaks : {false, true}) {
      reply_to<Granted>(bench.node, acquire("ours"));
      reply_to<Released>(bench.node, rest("ours", kLong));
      const quorum::ReleaseRequest by_hand{.token = {"ours"}, .note = kTtl, .breaks = breaks};
      CHECK(reply_to<Released>(bench.node, by_hand).was_ours);
      CHECK(bench.tell({"EXISTS", "k", "redlock.info:k"}) == "0");
      const auto refused = reply_to<NotOurs>(bench.node, extend("ours", true));
      CHECK((refused.released || refused.broken));  // by which of the two notes
    }
  }

  TEST_CASE("a rest is kept where nothing but the key's expiry can be written") {
    RestBench bench;
    if (bench.lacks_server()) return;
    reply_to<Granted>(bench.node, acquire("ours"));
    SUBCASE("because the memory is full") {
      bench.client->ask({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
      bench.client->ask({"CONFIG", "SET", "maxmemory", "1"});
    }
    SUBCASE("because another program's value stands where the info was") {
      bench.client->ask({"DEL", "redlock.info:k"});
      bench.client->ask({"SET", "redlock.info:k", "no hash"});
    }
    const auto released = reply_to<Released>(bench.node, rest("ours", kLong));
    bench.client->ask({"CONFIG", "SET", "maxmemory", "0"});
    CHECK(released.was_ours);
    CHECK(about(bench.pttl("k"), kLong.count()));
    CHECK(bench.tell({"HGET", "redlock.info:k", "resting"}) == "0");
  }

  TEST_CASE("whoever looks sees a rest; a status that is none counts as 0") {
    RestBench bench;
    if (bench.lacks_server()) return;
    reply_to<Granted>(bench.node, acquire("ours"));
    reply_to<Released>(bench.node, rest("ours", kLong, 7));
    const auto look = [&] {
      const auto words = redis::look_words(redis::LockKeys{"k"});
      auto value =
          bench.client->ask({words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7]});
      return std::get<redis::NodeLockState>(redis::decode_look(std::move(value)));
    };
    REQUIRE(look().info.resting.has_value());
    CHECK(look().info.resting->status == 7);
    CHECK(look().info.resting->since.has_value());
    CHECK(look().holder_ttl == kLong);
    bench.client->ask({"HSET", "redlock.info:k", "resting", "-1"});
    CHECK(look().info.resting->status == 0);
    bench.client->ask({"HDEL", "redlock.info:k", "resting"});
    CHECK(!look().info.resting);
  }
}

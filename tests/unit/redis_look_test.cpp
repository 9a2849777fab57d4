#include "redis/look.hpp"
#include "redis/node_error.hpp"
#include "redis/server_report.hpp"
#include "redis_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

// Questions beside the algorithm: on the wire, and the looks, searches and reports that are made of them.

using namespace redlock;
using namespace redlock::test;
using quorum::Failure;
using redis::NodeLockState;
using std::chrono::milliseconds;
using Kind = redlock::redis::NodeError;

namespace {

constexpr quorum::RequestId kQuestion = 1'000'000;  // of none of Conversation's requests

redis::Event ask(Conversation& node, std::vector<std::string> words, milliseconds allowance = kPatience) {
  node.nodes().ask(
      {.node = 0, .id = kQuestion, .words = std::move(words), .deadline = BootClock::now() + allowance});
  auto event = node.outcome();
  REQUIRE(event);
  CHECK(event->id == kQuestion);
  return std::move(*event);
}

redis::Value answer(Conversation& node, std::vector<std::string> words) {
  auto event = ask(node, std::move(words));
  if (const auto* failure = failure_of(event)) FAIL(failure->detail);
  return std::get<redis::Value>(std::move(event.what));
}

struct Bench : ServerBench {
  NodeLockState look(const std::string& key = "k") {
    auto decoded = redis::decode_look(answer(*node, redis::look_words(redis::LockKeys{key})));
    if (const auto* failure = std::get_if<Failure>(&decoded)) FAIL(failure->detail);
    return std::get<NodeLockState>(std::move(decoded));
  }
  std::vector<std::string> scan(std::string_view prefix, std::string_view glob) {
    std::vector<std::string> keys;
    std::string cursor = "0";
    do {
      auto step = std::get<redis::ScanStep>(
          redis::decode_scan(answer(*node, redis::scan_words(cursor, prefix, glob))));
      keys.insert(keys.end(), step.keys.begin(), step.keys.end());
      cursor = step.cursor;
    } while (cursor != "0");
    std::sort(keys.begin(), keys.end());
    return keys;
  }
};

redis::Value string_value(std::string text) {
  return {.type = redis::Value::Type::String, .text = std::move(text)};
}

redis::ServerReport report_of(std::string info) {
  return std::get<redis::ServerReport>(redis::decode_report(string_value(std::move(info))));
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_SUITE("questions to a node") {
  TEST_CASE(
      "a question is answered in its place among the requests, and never counts as one that set a key") {
    Bench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    const auto acquired = node.send(acquire("t"));
    node.nodes().ask(
        {.node = 0, .id = kQuestion, .words = {"GET", "k"}, .deadline = BootClock::now() + kPatience});
    const auto released = node.send(quorum::ReleaseRequest{{"t"}});
    CHECK(node.outcome()->id == acquired);
    const auto answered = node.outcome();
    REQUIRE(answered);
    CHECK(answered->id == kQuestion);
    CHECK(std::get<redis::Value>(answered->what).text == "t");
    CHECK(node.outcome()->id == released);
    CHECK_FALSE(node.nodes().may_hold_key(0));
    ask(node, {"GET", "k"});
    CHECK_FALSE(node.nodes().may_hold_key(0));
  }

  TEST_CASE("the first question opens the connection, and the node says who it is ahead of the answer") {
    Bench bench;
    if (bench.server == nullptr) return;
    CHECK(answer(*bench.node, {"PING"}).text == "PONG");
    CHECK(bench.node->identities().size() == 1);
  }

  TEST_CASE("an error is a failure, and the connection stays") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.client->ask({"LPUSH", "k", "x"});
    CHECK(failure_of(ask(*bench.node, {"GET", "k"}))->kind == Kind::WrongType);
    CHECK(answer(*bench.node, {"PING"}).text == "PONG");
    CHECK(bench.node->identities().size() == 1);
  }

  TEST_CASE("a question that is not answered in time fails, and its late answer is dropped") {
    Bench bench;
    if (bench.server == nullptr) return;
    CHECK(answer(*bench.node, {"PING"}).text == "PONG");
    bench.server->freeze();
    CHECK(failure_of(ask(*bench.node, {"ECHO", "late"}, milliseconds{100}))->kind == Kind::TimedOut);
    bench.server->thaw();
    CHECK(answer(*bench.node, {"ECHO", "next"}).text == "next");
  }

  TEST_CASE("a question with a deadline that has passed is not asked") {
    Bench bench;
    if (bench.server == nullptr) return;
    CHECK(failure_of(ask(*bench.node, {"PING"}, milliseconds{-1}))->kind == Kind::TimedOut);
  }

  TEST_CASE("whoever is refused gets no answer, though the server gives one") {
    const auto server = RedisServer::start();
    if (!server) return;
    redis::NodeEndpoint endpoint = server->unix_endpoint();
    endpoint.password = Secret{"none is set there"};
    Conversation node{endpoint};
    CHECK(failure_of(ask(node, {"PING"}))->kind == Kind::AuthFailed);
  }
}

TEST_SUITE("looking at a lock") {
  TEST_CASE("a look shows token, time, holder and counter") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.node->ask(acquire("ours", milliseconds{30'000}, 4711));
    const NodeLockState seen = bench.look();
    CHECK(seen.holder == quorum::Token{"ours"});
    CHECK(seen.remaining > milliseconds{20'000});
    CHECK(seen.remaining <= milliseconds{30'000});
    CHECK(seen.info.user == "u");
    CHECK(seen.info.host == "h");
    CHECK(seen.info.command == "c d");
    CHECK(seen.info.pid == 42);
    CHECK(seen.info.since_us == 7);
    CHECK(seen.info.note == "n");
    CHECK(seen.counter == 4711);
  }

  TEST_CASE("a look at a free lock shows nothing, and leaves nothing") {
    Bench bench;
    if (bench.server == nullptr) return;
    CHECK_FALSE(bench.look().holder);
    CHECK(bench.client->tell({"DBSIZE"}) == "0");
  }

  TEST_CASE("of a free lock it is told who waits, and for whom it is kept") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.client->ask({"ZADD", "redlock.queue:k", "1", "a", "2", "b"});
    CHECK(bench.look().waiting == 2);
    CHECK_FALSE(bench.look().kept_for);
    bench.client->ask({"SET", "redlock.bar:k", "a", "PX", "60000"});
    CHECK(bench.look().kept_for == quorum::Token{"a"});
    bench.client->ask({"PERSIST", "redlock.bar:k"});
    CHECK_FALSE(bench.look().kept_for);  // none of redlock's
    bench.client->ask({"DEL", "redlock.bar:k"});
    bench.client->ask({"LPUSH", "redlock.bar:k", "a"});
    CHECK_FALSE(bench.look().kept_for);
    bench.client->ask({"DEL", "redlock.bar:k"});
    bench.client->ask({"SET", "redlock.bar:k", "a", "PX", "60000"});
    bench.client->ask({"SET", "k", "t"});
    CHECK_FALSE(bench.look().kept_for);  // it is held
  }

  TEST_CASE("the info of another token is not the holder's") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.node->ask(acquire("ours"));
    bench.client->ask({"SET", "k", "foreign"});
    const NodeLockState seen = bench.look();
    CHECK(seen.holder == quorum::Token{"foreign"});
    CHECK(seen.remaining < milliseconds{0});  // no TTL
    CHECK(quorum::HolderInfo{seen.info}.host.empty());
    CHECK(seen.info.pid == 0);
  }

  TEST_CASE("what is no hash, no counter and no queue beside the lock does not hide it") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.client->ask({"SET", "k", "t"});
    bench.client->ask({"SET", "redlock.info:k", "x"});
    bench.client->ask({"LPUSH", "redlock.fence:k", "x"});
    bench.client->ask({"SET", "redlock.queue:k", "x"});
    const NodeLockState seen = bench.look();
    CHECK(seen.holder == quorum::Token{"t"});
    CHECK(seen.counter == 0);
    CHECK(seen.waiting == 0);
    bench.client->ask({"DEL", "redlock.queue:k"});
    bench.client->ask({"ZADD", "redlock.queue:k", "1", "a", "2", "b"});
    CHECK(bench.look().waiting == 2);
  }

  TEST_CASE("an answer of another form is refused") {
    const auto garbled = [](const redis::Value& value) {
      const auto decoded = redis::decode_look(value);
      return std::holds_alternative<Failure>(decoded) && std::get<Failure>(decoded).kind == Kind::Garbled;
    };
    CHECK(garbled(string_value("OK")));
    redis::Value fields{.type = redis::Value::Type::Array, .elements = {}};
    for (int i = 0; i < 14; ++i) fields.elements.push_back(string_value("1"));
    CHECK(garbled(fields));
    fields.elements[1] = fields.elements[3] = {.type = redis::Value::Type::Integer, .integer = 1};
    CHECK_FALSE(garbled(fields));
    fields.elements.pop_back();
    CHECK(garbled(fields));
  }

  TEST_CASE("numbers without bounds are kept within them") {
    redis::Value fields{.type = redis::Value::Type::Array, .elements = {}};
    for (int i = 0; i < 14; ++i) fields.elements.push_back(string_value("99999999999999999999999"));
    fields.elements[1] = {.type = redis::Value::Type::Integer, .integer = 9'223'372'036'854'775'807};
    fields.elements[3] = {.type = redis::Value::Type::Integer, .integer = -5};
    const NodeLockState seen = std::get<NodeLockState>(redis::decode_look(fields));
    CHECK(std::chrono::duration_cast<std::chrono::hours>(Duration{seen.remaining}).count() >
          0);  // no overflow
    CHECK(seen.counter == 0);
    CHECK(seen.waiting == 0);
    CHECK(seen.info.pid == 0);
    CHECK(seen.holder_ttl == std::chrono::milliseconds{0});
  }
}

TEST_SUITE("searching for locks") {
  TEST_CASE("locks are found by the glob, and by the prefix as it stands") {
    Bench bench;
    if (bench.server == nullptr) return;
    for (const char* key : {"p*:one", "p*:two", "px:three", "p*:[x]", "p*:\\", "other"}) {
      bench.client->ask({"HSET", std::string{"redlock.info:"} + key, "token", "t"});
    }
    bench.client->ask({"SET", "redlock.info:p*:string", "no hash"});
    bench.client->ask({"SET", "p*:plain", "t"});
    CHECK(bench.scan("p*:", "*") == Keys{"p*:[x]", "p*:\\", "p*:one", "p*:two"});
    CHECK(bench.scan("p*:", "t?o") == Keys{"p*:two"});
    CHECK(bench.scan("p*:", "[a-o]*") == Keys{"p*:one"});
    CHECK(bench.scan("p*:", "\\[x\\]") == Keys{"p*:[x]"});
    CHECK(bench.scan("", "*e") == Keys{"p*:one", "px:three"});
    CHECK(bench.scan("nothing", "*").empty());
  }

  TEST_CASE("an answer that is none of SCAN's is refused") {
    const auto refused = [](const std::string& cursor, std::vector<redis::Value> keys) {
      redis::Value value{.type = redis::Value::Type::Array, .elements = {string_value(cursor)}};
      value.elements.push_back({.type = redis::Value::Type::Array, .elements = std::move(keys)});
      return std::holds_alternative<Failure>(redis::decode_scan(std::move(value)));
    };
    CHECK_FALSE(refused("18446744073709551615", {string_value("redlock.info:k")}));
    CHECK(refused("-1", {}));
    CHECK(refused("", {}));
    CHECK(refused("0", {string_value("something else")}));
    CHECK(refused("0", {redis::Value{}}));
    CHECK(std::holds_alternative<Failure>(redis::decode_scan(string_value("0"))));
  }
}

TEST_SUITE("reports of servers") {
  TEST_CASE("servers of other makes are called by their names") {
    CHECK(report_of("redis_version:7.0.15\r\nexecutable:/usr/bin/redis-server\r\n").product == "Redis");
    const auto valkey = report_of("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.3\r\n");
    CHECK(valkey.product == "Valkey");
    CHECK(valkey.version == "8.1.3");
    const auto redict =
        report_of("redict_version:7.3.6\r\nredict_mode:standalone\r\nredis_version:7.2.4\r\n");
    CHECK(redict.product == "Redict");
    CHECK(redict.version == "7.3.6");
    for (const char* info :
         {"redis_version:6.3.4\r\nexecutable:/usr/bin/keydb-server\r\n",
          "redis_version:6.3.4\r\nexecutable:/opt/redis-server\r\n# KeyDB\r\nmvcc_depth:0\r\n"}) {
      const auto keydb = report_of(info);
      CHECK(keydb.product == "KeyDB");
      CHECK(keydb.version == "6.3.4");
    }
    const auto next = report_of("redis_version:7.2.4\r\nserver_name:nextdis\r\nnextdis_version:1.0\r\n");
    CHECK(next.product == "nextdis");
    CHECK(next.version == "1.0");
    CHECK(report_of("redis_version:9.0.0\r\nserver_name:redis\r\n").product == "Redis");
    const auto dragonfly = report_of("redis_version:7.4.0\r\ndragonfly_version:df-v1.27.1\r\n");
    CHECK(dragonfly.product == "Dragonfly");
    CHECK(dragonfly.version == "df-v1.27.1");
  }

  TEST_CASE("a real server's report has everything") {
    Bench bench;
    if (bench.server == nullptr) return;
    const auto report =
        std::get<redis::ServerReport>(redis::decode_report(answer(*bench.node, redis::report_words())));
    CHECK(!report.product.empty());
    CHECK(!report.version.empty());
    CHECK(report.role == "master");
    CHECK_FALSE(report.aof);
    CHECK(report.saved);
    CHECK(report.maxmemory == 0);
    CHECK(report.maxmemory_policy == "noeviction");
    CHECK_FALSE(report.may_evict_locks());
    CHECK(std::get<std::string>(
              redis::decode_config(answer(*bench.node, redis::config_words("appendfsync")))) == "everysec");
    const auto theirs = std::get<std::uint64_t>(redis::decode_time(answer(*bench.node, redis::time_words())));
    const std::uint64_t ours = read_clocks().wall_us;
    CHECK(theirs <= ours);
    CHECK(ours - theirs < 60'000'000);
  }

  TEST_CASE("the trial changes nothing, and fails as a lock would") {
    Bench bench;
    if (bench.server == nullptr) return;
    const auto trial = [&] { return redis::decode_trial(answer(*bench.node, redis::trial_words())); };
    CHECK_FALSE(trial());
    CHECK(bench.client->tell({"DBSIZE"}) == "0");
    bench.client->ask({"CONFIG", "SET", "maxmemory", "1"});
    CHECK(trial().value().kind == Kind::OutOfMemory);
    bench.client->ask({"CONFIG", "SET", "maxmemory", "0"});
    bench.client->ask({"REPLICAOF", "127.0.0.1", "1"});
    CHECK(trial().value().kind == Kind::ReadOnly);
    bench.client->ask({"REPLICAOF", "NO", "ONE"});
  }

  TEST_CASE("the trial names the command that the user may not use in a script") {
    Bench bench;
    if (bench.server == nullptr) return;
    for (const char* command : {"get", "set", "del", "pttl", "pexpire", "hset", "hmget"}) {
      CAPTURE(command);
      bench.client->ask(
          {"ACL", "SETUSER", "some", "reset", "on", ">pw", "~*", "+@all", std::string{"-"} + command});
      redis::NodeEndpoint endpoint = bench.server->unix_endpoint();
      endpoint.username = "some";
      endpoint.password = Secret{"pw"};
      Conversation node{endpoint};
      const auto refusal = redis::decode_trial(answer(node, redis::trial_words()));
      REQUIRE(refusal);
      CHECK(refusal->kind == Kind::NotPermitted);
      std::string name{command};
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
      CHECK(refusal->detail == "NOPERM for " + name);
    }
    CHECK(bench.client->tell({"DBSIZE"}) == "0");
  }

  TEST_CASE("impossible reports are bounded or refused") {
    CHECK(report_of("uptime_in_seconds:99999999999999999999\r\nmaxmemory:-5\r\n").uptime.count() >= 0);
    CHECK(report_of("uptime_in_seconds:-3600\r\n").uptime == std::chrono::hours{-1});
    CHECK(report_of("redis_version:" + std::string(5000, 'x') + "\r\n").version.size() <= 64);
    CHECK(std::holds_alternative<Failure>(redis::decode_report({.type = redis::Value::Type::Integer})));
    redis::Value time{.type = redis::Value::Type::Array,
                      .elements = {string_value("1"), string_value("1000000")}};
    CHECK(std::holds_alternative<Failure>(redis::decode_time(time)));
    time.elements = {string_value("18446744073709551615"), string_value("0")};
    CHECK(std::holds_alternative<Failure>(redis::decode_time(time)));
  }
}

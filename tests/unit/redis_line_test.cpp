#include "redis/answers.hpp"
#include "redis/line.hpp"
#include "redis_support.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

// The line of those who wait, on a real redis-server.

using namespace redlock;
using namespace redlock::test;
using quorum::Granted;
using quorum::Look;
using quorum::Outlook;
using quorum::QueuePosition;
using quorum::Refused;
using quorum::Waiter;
using std::chrono::milliseconds;

namespace {

constexpr const char* kLine = "redlock.queue:k";

// A server that all cases of this file share, emptied for each.
struct Bench {
  Bench() {
    static const std::unique_ptr<RedisServer> shared = RedisServer::start();
    if (!shared) return;
    server = shared.get();
    client.emplace(server->client());
    client->ask({"FLUSHALL"});
    node.emplace(server->unix_endpoint());
  }

  RedisServer* server = nullptr;
  std::optional<Client> client;
  std::optional<Conversation> node;
};

Waiter waiter(std::uint64_t began_us, std::uint64_t number = 7) {
  return {.began_us = began_us, .number = number};
}

quorum::AcquireRequest waiting(std::string token, const Waiter& who, bool in_turn = false) {
  quorum::AcquireRequest request = acquire(std::move(token));
  request.waiter = who;
  request.in_turn = in_turn;
  return request;
}

template <class What>
What answer(Conversation& node, quorum::Request request) {
  const redis::Event event = node.ask(std::move(request));
  if (const auto* failure = failure_of(event)) FAIL(failure->detail);
  const What* reply = reply_as<What>(event);
  REQUIRE(reply != nullptr);
  return *reply;
}

// {ahead, waiting}; empty for no position.
std::vector<std::uint64_t> position_of(const std::optional<QueuePosition>& position) {
  if (!position) return {};
  return {position->ahead, position->waiting};
}
using Numbers = std::vector<std::uint64_t>;

redis::Seen look(Bench& bench, Look what, const Waiter& who) {
  const redis::LockKeys keys{"k"};
  bench.node->nodes().ask({.node = 0,
                           .id = 1'000'000,
                           .words = redis::look_words(what, keys, who),
                           .deadline = BootClock::now() + kPatience});
  const auto event = bench.node->outcome();
  REQUIRE(event);
  if (const auto* failure = failure_of(*event)) FAIL(failure->detail);
  return redis::decode_seen(what, std::get<redis::Value>(event->what));
}

}  // namespace

TEST_SUITE("the line") {
  TEST_CASE("who is refused enters it, in the order of when they began") {
    Bench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    answer<Granted>(node, acquire("holder"));
    CHECK(position_of(answer<Refused>(node, waiting("b", waiter(2'000))).position) == Numbers{0, 1});
    CHECK(position_of(answer<Refused>(node, waiting("c", waiter(30'000))).position) == Numbers{1, 2});
    CHECK(position_of(answer<Refused>(node, waiting("a", waiter(999))).position) == Numbers{0, 3});
    CHECK(position_of(answer<Refused>(node, waiting("b", waiter(2'000))).position) == Numbers{1, 3});
    CHECK(position_of(answer<Refused>(node, waiting("d", waiter(2'000, 8))).position) == Numbers{2, 4});
  }

  TEST_CASE("who does not wait leaves no trace of a line") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(*bench.node, acquire("holder"));
    CHECK_FALSE(answer<Refused>(*bench.node, acquire("other")).position);
    CHECK(bench.client->tell({"EXISTS", kLine}) == "0");
  }

  TEST_CASE("who is granted the lock leaves it; in turn, so do those before, and never those behind") {
    Bench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    const auto line_after = [&](bool in_turn) {
      bench.client->ask({"FLUSHALL"});
      answer<Granted>(node, acquire("holder"));
      for (const std::uint64_t began : {1U, 2U, 3U, 4U})
        answer<Refused>(node, waiting("w" + std::to_string(began), waiter(began)));
      bench.client->ask({"DEL", "k"});
      answer<Granted>(node, waiting("w3", waiter(3), in_turn));
      std::string line;
      for (const auto& name : bench.client->ask({"ZRANGE", kLine, "0", "-1"}).elements)
        line += name.text.substr(15, 1);
      return line;
    };
    CHECK(line_after(false) == "124");
    CHECK(line_after(true) == "4");
  }

  TEST_CASE(
      "when one who waited is granted the lock the next two are called, in the order of when they began") {
    Bench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    const auto enter = [&](std::uint64_t began) {
      answer<Refused>(node, waiting("w" + std::to_string(began), waiter(began)));
    };
    answer<Granted>(node, acquire("holder"));
    for (const std::uint64_t began : {5U, 3U, 6U, 1U, 4U, 2U, 7U}) enter(began);
    Client listener = bench.server->client();
    for (std::uint64_t began = 1; began <= 7; ++began)
      listener.ask({"SUBSCRIBE", redis::calls_to(waiter(began))});
    const auto hears = [&](std::uint64_t began, const char* ahead) {
      const redis::Value message = listener.read();
      REQUIRE(message.elements.size() == 3);
      CHECK(message.elements[0].text == "message");
      CHECK(message.elements[1].text == redis::calls_to(waiter(began)));
      CHECK(message.elements[2].text == ahead);
    };
    bench.client->ask({"DEL", "k"});
    answer<Granted>(node, waiting("w1", waiter(1), true));
    hears(2, "0");
    hears(3, "1");
    bench.client->ask({"DEL", "k"});
    answer<Granted>(node, waiting("w3", waiter(3)));  // not in its turn
    hears(2, "0");
    hears(4, "1");
    bench.client->ask({"DEL", "k"});
    answer<Granted>(node, waiting("w5", waiter(5), true));  // after all before it
    hears(6, "0");
    hears(7, "1");
    bench.client->ask({"DEL", "k"});
    answer<Granted>(node, acquire("who does not wait"));
    bench.client->ask({"DEL", "k"});
    answer<Granted>(node, waiting("w7", waiter(7), true));
    bench.client->ask({"PUBLISH", redis::calls_to(waiter(1)), "nothing before this"});
    hears(1, "nothing before this");
  }

  TEST_CASE("the dead drop out, and a line of the dead only is gone by itself") {
    Bench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    answer<Granted>(node, acquire("holder"));
    answer<Refused>(node, waiting("dead", waiter(1)));
    const auto life = std::chrono::duration_cast<milliseconds>(redis::kPlaceLife).count();
    const long long ttl = bench.client->ask({"PTTL", kLine}).integer;
    CHECK(ttl > 0);
    CHECK(ttl <= life);
    // As if it had been heard of last more than this life ago.
    const long long until = std::stoll(bench.client->tell({"ZSCORE", kLine, redis::name_in_line(waiter(1))}));
    bench.client->ask({"ZADD", kLine, std::to_string(until - life), redis::name_in_line(waiter(1))});
    CHECK(position_of(answer<Refused>(node, waiting("b", waiter(2))).position) == Numbers{0, 1});
  }

  TEST_CASE("where no line can be kept the lock works without") {
    Bench bench;
    if (bench.server == nullptr) return;
    bench.client->ask({"SET", kLine, "not a line"});
    answer<Granted>(*bench.node, waiting("holder", waiter(1)));
    CHECK_FALSE(answer<Refused>(*bench.node, waiting("other", waiter(2))).position);
    CHECK(bench.client->tell({"GET", kLine}) == "not a line");
    CHECK_FALSE(std::get<Outlook>(look(bench, Look::Outlook, waiter(2))).position);
    bench.client->ask({"DEL", kLine});

    for (const char* forbidden : {"-time", "-zadd", "-zrange"}) {
      bench.client->ask({"ACL", "SETUSER", "some", "reset", "on", "nopass", "~*", "&*", "+@all", forbidden});
      redis::NodeEndpoint endpoint = bench.server->unix_endpoint();
      endpoint.username = "some";
      endpoint.password = Secret{"any"};
      Conversation node{endpoint};
      CHECK_FALSE(answer<Refused>(node, waiting("other", waiter(2))).position);
      bench.client->ask({"DEL", "k"});
      answer<Granted>(node, waiting("holder", waiter(1), true));
    }
  }

  TEST_CASE("whoever gives up its place is no longer counted") {
    Bench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(*bench.node, acquire("holder"));
    answer<Refused>(*bench.node, waiting("a", waiter(1)));
    answer<Refused>(*bench.node, waiting("b", waiter(2)));
    bench.node->nodes().ask({.node = 0,
                             .id = 1'000'000,
                             .words = redis::leave_words(redis::LockKeys{"k"}, waiter(1)),
                             .deadline = BootClock::now() + kPatience});
    REQUIRE(bench.node->outcome());
    CHECK(position_of(answer<Refused>(*bench.node, waiting("b", waiter(2))).position) == Numbers{0, 1});
  }

  TEST_CASE("a look tells who holds the lock, for how long, and where in the line one stands") {
    Bench bench;
    if (bench.server == nullptr) return;
    CHECK_FALSE(std::get<redis::Holder>(look(bench, Look::Holder, waiter(2))).token);
    CHECK_FALSE(std::get<redis::Remaining>(look(bench, Look::Remaining, waiter(2))).time);
    CHECK_FALSE(std::get<Outlook>(look(bench, Look::Outlook, waiter(2))).holder);

    answer<Granted>(*bench.node, acquire("holder", milliseconds{30'000}));
    answer<Refused>(*bench.node, waiting("a", waiter(1)));
    answer<Refused>(*bench.node, waiting("b", waiter(2)));
    CHECK(std::get<redis::Holder>(look(bench, Look::Holder, waiter(2))).token == quorum::Token{"holder"});
    const auto remaining = std::get<redis::Remaining>(look(bench, Look::Remaining, waiter(2))).time;
    REQUIRE(remaining);
    CHECK(remaining->count() > 0);
    CHECK(remaining->count() <= 30'000);
    const auto outlook = std::get<Outlook>(look(bench, Look::Outlook, waiter(2)));
    CHECK(outlook.holder == quorum::Token{"holder"});
    CHECK(outlook.remaining.count() > 0);
    CHECK(position_of(outlook.position) == Numbers{1, 2});
    CHECK_FALSE(std::get<Outlook>(look(bench, Look::Outlook, waiter(3))).position);  // stands in no line

    bench.client->ask({"PERSIST", "k"});
    CHECK(std::get<redis::Remaining>(look(bench, Look::Remaining, waiter(2))).time == milliseconds{-1});
    CHECK(std::get<Outlook>(look(bench, Look::Outlook, waiter(2))).remaining == milliseconds{-1});
  }

  TEST_CASE("a look changes nothing") {
    Bench bench;
    if (bench.server == nullptr) return;
    for (const Look what : {Look::Holder, Look::Remaining, Look::Outlook}) look(bench, what, waiter(1));
    CHECK(bench.client->tell({"DBSIZE"}) == "0");
  }

  TEST_CASE("an answer of another form is none, and numbers without bounds are kept within them") {
    using redis::Value;
    const auto number = [](long long value) { return Value{.type = Value::Type::Integer, .integer = value}; };
    const auto text = [](std::string value) {
      return Value{.type = Value::Type::String, .text = std::move(value)};
    };
    const auto none = [](Look what, const Value& value) {
      return std::holds_alternative<std::monostate>(redis::decode_seen(what, value));
    };
    CHECK(none(Look::Holder, number(1)));
    CHECK(none(Look::Remaining, text("1")));
    CHECK(none(Look::Remaining, Value{}));
    CHECK(none(Look::Outlook, text("OK")));
    Value fields{.type = Value::Type::Array, .elements = {text("t"), number(5), number(0), number(1)}};
    CHECK_FALSE(none(Look::Outlook, fields));
    fields.elements[3] = text("1");
    CHECK(none(Look::Outlook, fields));
    fields.elements.pop_back();
    CHECK(none(Look::Outlook, fields));

    const auto most = std::numeric_limits<long long>::max();
    const auto far = std::get<redis::Remaining>(redis::decode_seen(Look::Remaining, number(most))).time;
    REQUIRE(far);
    CHECK(Duration{*far} > std::chrono::hours{24 * 365});  // no overflow
    const auto least = std::numeric_limits<long long>::min();
    CHECK(std::get<redis::Remaining>(redis::decode_seen(Look::Remaining, number(least))).time ==
          milliseconds{-1});
    CHECK_FALSE(redis::position_in_queue(-1, 5));
    CHECK_FALSE(redis::position_in_queue(5, 5));
    CHECK_FALSE(redis::position_in_queue(0, -1));
    CHECK(position_of(redis::position_in_queue(4, 5)) == Numbers{4, 5});
  }
}

#include "redis/answers.hpp"
#include "redis/queue.hpp"
#include "redis_support.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

// The queue of waiters, on a real redis-server.

using namespace redlock;
using namespace redlock::test;
using quorum::Granted;
using quorum::Probe;
using quorum::QueueEntry;
using quorum::QueuePosition;
using quorum::QueueState;
using quorum::Refused;
using std::chrono::milliseconds;

namespace {

constexpr const char* kQueue = "redlock.queue:k";

QueueEntry waiter(std::uint64_t began_us, std::uint64_t number = 7) {
  return {.began_us = began_us, .number = number};
}

quorum::AcquireRequest waiting(std::string token, const QueueEntry& who, bool in_turn = false) {
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

redis::Found probe(ServerBench& bench, Probe what, const QueueEntry& who) {
  const std::vector<redis::LockKeys> keys{redis::LockKeys{"k"}};
  bench.node->nodes().ask({.node = 0,
                           .id = 1'000'000,
                           .words = redis::probe_words(what, keys, who),
                           .deadline = BootClock::now() + kPatience});
  const auto event = bench.node->outcome();
  REQUIRE(event);
  if (const auto* failure = failure_of(*event)) FAIL(failure->detail);
  return redis::decode_probe(what, std::get<redis::Value>(event->what));
}

}  // namespace

TEST_SUITE("the queue") {
  TEST_CASE("a waiter that is refused enters it, in the order of when they began") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    answer<Granted>(node, acquire("holder"));
    CHECK(position_of(answer<Refused>(node, waiting("b", waiter(2'000))).position) == Numbers{0, 1});
    CHECK(position_of(answer<Refused>(node, waiting("c", waiter(30'000))).position) == Numbers{1, 2});
    CHECK(position_of(answer<Refused>(node, waiting("a", waiter(999))).position) == Numbers{0, 3});
    CHECK(position_of(answer<Refused>(node, waiting("b", waiter(2'000))).position) == Numbers{1, 3});
    CHECK(position_of(answer<Refused>(node, waiting("d", waiter(2'000, 8))).position) == Numbers{2, 4});
  }

  TEST_CASE("a request that only probes takes no lock; a waiter that it finds refused enters the queue") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    answer<quorum::Free>(node, quorum::ProbeRequest{.token = {"mine"}, .waiter = waiter(2'000)});
    CHECK(bench.client->ask({"DBSIZE"}).integer == 0);
    answer<Granted>(node, acquire("holder"));
    const std::string before = bench.client->tell({"GET", "redlock.fence:k"});
    const auto unqueued = answer<Refused>(node, quorum::ProbeRequest{.token = {"mine"}});
    CHECK(unqueued.holder.value == "holder");
    CHECK(!unqueued.position);
    const auto queued =
        answer<Refused>(node, quorum::ProbeRequest{.token = {"mine"}, .waiter = waiter(2'000)});
    CHECK(position_of(queued.position) == Numbers{0, 1});
    CHECK(bench.client->tell({"GET", "redlock.fence:k"}) == before);
    CHECK(bench.client->tell({"GET", "k"}) == "holder");
  }

  TEST_CASE("a client that does not wait leaves no trace of a queue") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    answer<Granted>(*bench.node, acquire("holder"));
    CHECK_FALSE(answer<Refused>(*bench.node, acquire("other")).position);
    CHECK(bench.client->tell({"EXISTS", kQueue}) == "0");
  }

  TEST_CASE(
      "a waiter that is granted the lock leaves it; in turn, so do those before, and never those behind") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    const auto queue_after = [&](bool in_turn) {
      bench.client->ask({"FLUSHALL"});
      answer<Granted>(node, acquire("holder"));
      for (const std::uint64_t began : {1U, 2U, 3U, 4U})
        answer<Refused>(node, waiting("w" + std::to_string(began), waiter(began)));
      bench.client->ask({"DEL", "k"});
      answer<Granted>(node, waiting("w3", waiter(3), in_turn));
      std::string queue;
      for (const auto& name : bench.client->ask({"ZRANGE", kQueue, "0", "-1"}).elements)
        queue += name.text.substr(15, 1);
      return queue;
    };
    CHECK(queue_after(false) == "124");
    CHECK(queue_after(true) == "4");
  }

  TEST_CASE("when a waiter is granted the lock the next two are called, in the order of when they began") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    const auto enter = [&](std::uint64_t began) {
      answer<Refused>(node, waiting("w" + std::to_string(began), waiter(began)));
    };
    answer<Granted>(node, acquire("holder"));
    for (const std::uint64_t began : {5U, 3U, 6U, 1U, 4U, 2U, 7U}) enter(began);
    Client listener = bench.server->client();
    for (std::uint64_t began = 1; began <= 7; ++began)
      listener.ask({"SUBSCRIBE", redis::channel_of(waiter(began))});
    const auto hears = [&](std::uint64_t began, const char* ahead) {
      const redis::Value message = listener.read();
      REQUIRE(message.elements.size() == 3);
      CHECK(message.elements[0].text == "message");
      CHECK(message.elements[1].text == redis::channel_of(waiter(began)));
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
    bench.client->ask({"PUBLISH", redis::channel_of(waiter(1)), "nothing before this"});
    hears(1, "nothing before this");
  }

  TEST_CASE("the dead drop out, and a queue of the dead only is gone by itself") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    answer<Granted>(node, acquire("holder"));
    answer<Refused>(node, waiting("dead", waiter(1)));
    const auto life = std::chrono::duration_cast<milliseconds>(redis::kPositionLife).count();
    const long long ttl = bench.client->ask({"PTTL", kQueue}).integer;
    CHECK(ttl > 0);
    CHECK(ttl <= life);
    // As if it had been heard of last more than this life ago.
    const long long until =
        std::stoll(bench.client->tell({"ZSCORE", kQueue, redis::name_in_queue(waiter(1))}));
    bench.client->ask({"ZADD", kQueue, std::to_string(until - life), redis::name_in_queue(waiter(1))});
    CHECK(position_of(answer<Refused>(node, waiting("b", waiter(2))).position) == Numbers{0, 1});
  }

  TEST_CASE("where no queue can be kept the lock works without") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    bench.client->ask({"SET", kQueue, "not a queue"});
    answer<Granted>(*bench.node, waiting("holder", waiter(1)));
    CHECK_FALSE(answer<Refused>(*bench.node, waiting("other", waiter(2))).position);
    CHECK(bench.client->tell({"GET", kQueue}) == "not a queue");
    CHECK_FALSE(std::get<QueueState>(probe(bench, Probe::QueueState, waiter(2))).position);
    bench.client->ask({"DEL", kQueue});

    for (const char* forbidden : {"-time", "-zadd", "-zrange"}) {
      const std::string_view channels = server_is_at_least(6, 2) ? "&*" : "on";
      bench.client->ask(
          {"ACL", "SETUSER", "some", "reset", "on", "nopass", "~*", channels, "+@all", forbidden});
      redis::NodeEndpoint endpoint = bench.server->unix_endpoint();
      endpoint.username = "some";
      endpoint.password = Secret{"any"};
      Conversation node{endpoint};
      CHECK_FALSE(answer<Refused>(node, waiting("other", waiter(2))).position);
      bench.client->ask({"DEL", "k"});
      answer<Granted>(node, waiting("holder", waiter(1), true));
    }
  }

  TEST_CASE("a waiter that leaves is no longer counted, and the two who are next now are told") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    Conversation& node = *bench.node;
    answer<Granted>(node, acquire("holder"));
    for (const std::uint64_t began : {1U, 2U, 3U, 4U})
      answer<Refused>(node, waiting("w" + std::to_string(began), waiter(began)));
    Client listener = bench.server->client();
    for (const std::uint64_t began : {1U, 2U, 3U, 4U})
      listener.ask({"SUBSCRIBE", redis::channel_of(waiter(began))});
    const auto leaves = [&](std::uint64_t began) {
      node.nodes().ask({.node = 0,
                        .id = 1'000'000,
                        .words = redis::leave_words(std::vector{redis::LockKeys{"k"}}, waiter(began)),
                        .deadline = BootClock::now() + kPatience});
      const auto event = node.outcome();
      REQUIRE(event);
      CHECK(failure_of(*event) == nullptr);
    };
    const auto hears = [&](std::uint64_t began, const std::string& message) {
      const redis::Value heard = listener.read();
      REQUIRE(heard.elements.size() == 3);
      CHECK(heard.elements[1].text == redis::channel_of(waiter(began)));
      CHECK(heard.elements[2].text == message);
    };
    leaves(3);  // has two before it, and nobody moves up
    leaves(1);
    hears(2, "left 0");
    hears(4, "left 1");
    CHECK(position_of(answer<Refused>(node, waiting("w4", waiter(4))).position) == Numbers{1, 2});
    leaves(1);  // once more
    leaves(2);
    hears(4, "left 0");
    CHECK(redis::decode_call("left 1")->ahead == 1);
    CHECK_FALSE(redis::decode_call("left 1")->granted);
    CHECK(redis::decode_call("0")->granted);
    for (const char* other : {"", "left", "left ", "left 2", "2", "0 ", "-1", "right 0"})
      CHECK_FALSE(redis::decode_call(other));
  }

  TEST_CASE("a probe tells who holds the lock, for how long, and which position one has in the queue") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    CHECK_FALSE(std::get<redis::FoundHolder>(probe(bench, Probe::Holder, waiter(2))).token);
    CHECK_FALSE(std::get<QueueState>(probe(bench, Probe::QueueState, waiter(2))).holder);

    answer<Granted>(*bench.node, acquire("holder", milliseconds{30'000}));
    answer<Refused>(*bench.node, waiting("a", waiter(1)));
    const Refused refused = answer<Refused>(*bench.node, waiting("b", waiter(2)));
    CHECK(std::get<redis::FoundHolder>(probe(bench, Probe::Holder, waiter(2))).token ==
          quorum::Token{"holder"});
    const auto state = std::get<QueueState>(probe(bench, Probe::QueueState, waiter(2)));
    CHECK(state.holder == quorum::Token{"holder"});
    CHECK(state.info.host == refused.info.host);
    CHECK(state.info.command == refused.info.command);
    CHECK(state.remaining.count() > 0);
    CHECK(state.remaining.count() <= 30'000);
    CHECK(position_of(state.position) == Numbers{1, 2});
    CHECK_FALSE(std::get<QueueState>(probe(bench, Probe::QueueState, waiter(3))).position);  // in no queue

    bench.client->ask({"PERSIST", "k"});
    CHECK(std::get<QueueState>(probe(bench, Probe::QueueState, waiter(2))).remaining == milliseconds{-1});
    bench.client->ask({"DEL", "k"});
    const auto free = std::get<QueueState>(probe(bench, Probe::QueueState, waiter(2)));
    CHECK_FALSE(free.holder);
    CHECK(position_of(free.position) == Numbers{1, 2});
  }

  TEST_CASE("a probe changes nothing") {
    ServerBench bench;
    if (bench.server == nullptr) return;
    for (const Probe what : {Probe::Holder, Probe::QueueState}) probe(bench, what, waiter(1));
    CHECK(bench.client->tell({"DBSIZE"}) == "0");
  }

  TEST_CASE("an answer of another form is none, and numbers without bounds are kept within them") {
    using redis::Value;
    const auto number = [](long long value) { return Value{.type = Value::Type::Integer, .integer = value}; };
    const auto text = [](std::string value) {
      return Value{.type = Value::Type::String, .text = std::move(value)};
    };
    const auto none = [](Probe what, const Value& value) {
      return std::holds_alternative<std::monostate>(redis::decode_probe(what, value));
    };
    CHECK(none(Probe::Holder, number(1)));
    CHECK(none(Probe::QueueState, text("OK")));
    const auto list = [](std::vector<Value> values) {
      return Value{.type = Value::Type::Array, .elements = std::move(values)};
    };
    Value free = list({number(1), number(0), number(1), list({})});
    CHECK_FALSE(none(Probe::QueueState, free));
    free.elements[2] = text("1");
    CHECK(none(Probe::QueueState, free));
    const auto held = [&](long long remaining) {
      const Value name = list({number(0), text("t"), number(remaining), text(""), text(""), text(""),
                               text(""), text(""), text(""), text(""), text("")});
      return list({number(0), number(5), number(5), list({name})});
    };
    const auto far = std::get<QueueState>(
        redis::decode_probe(Probe::QueueState, held(std::numeric_limits<long long>::max())));
    CHECK(Duration{far.remaining} > std::chrono::hours{24 * 365});  // no overflow
    CHECK_FALSE(far.position);
    const auto past = std::get<QueueState>(
        redis::decode_probe(Probe::QueueState, held(std::numeric_limits<long long>::min())));
    CHECK(past.remaining == milliseconds{-1});
    Value cut = held(5);
    cut.elements[3].elements[0].elements.pop_back();
    CHECK(none(Probe::QueueState, cut));
    CHECK_FALSE(redis::position_in_queue(-1, 5));
    CHECK_FALSE(redis::position_in_queue(5, 5));
    CHECK_FALSE(redis::position_in_queue(0, -1));
    CHECK(position_of(redis::position_in_queue(4, 5)) == Numbers{4, 5});
  }
}

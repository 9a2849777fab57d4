#include "redis/nodes.hpp"
#include "redis_support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

// What is heard of a lock on the connections of Nodes::subscribe(), on real servers.

using namespace redlock;
using namespace redlock::test;
using std::chrono::milliseconds;
using enum redis::SubscriptionMode;

namespace {

template <class What>
bool is(const redis::Event& event) {
  return std::holds_alternative<What>(event.what);
}

// One node that is listened to, and what it tells one by one.
class Listener {
 public:
  explicit Listener(redis::NodeEndpoint endpoint, std::string key = "k", const std::string& calls = {},
                    redis::SubscriptionMode mode = redis::SubscriptionMode::Next)
      : nodes_{{std::move(endpoint)}, {.keys = {std::move(key)}, .holder = {}}, surroundings()} {
    nodes_.subscribe(0, mode, calls, kPatience);
  }

  redis::Nodes& nodes() { return nodes_; }

  // The next that is heard; nothing at `until`.
  std::optional<redis::Event> next(TimePoint until = BootClock::now() + kPatience) {
    while (events_.empty() && BootClock::now() < until) nodes_.wait(until, {}, events_);
    if (events_.empty()) return std::nullopt;
    redis::Event event = std::move(events_.front());
    events_.erase(events_.begin());
    return event;
  }
  // The next is of this kind.
  template <class What>
  bool hears() {
    const auto event = next();
    return event && is<What>(*event) && event->node == 0 && event->id == 0;
  }
  // It listens now, and may be called, or not.
  bool listens(bool calls) {
    const auto event = next();
    return event && is<redis::SubscriptionReady>(*event) &&
           std::get<redis::SubscriptionReady>(event->what).calls == calls;
  }
  bool hears_call(unsigned ahead) {
    const auto event = next();
    return event && is<redis::Called>(*event) && std::get<redis::Called>(event->what).ahead == ahead;
  }
  // One of the next is.
  template <class What>
  bool comes_to_hear() {
    const TimePoint limit = BootClock::now() + kPatience;
    while (const auto event = next(limit)) {
      if (is<What>(*event)) return true;
    }
    return false;
  }
  // Nothing is heard up to something of which is known that it is heard.
  bool heard_nothing_before(const std::function<void()>& change_of_the_key) {
    change_of_the_key();
    const bool one = hears<redis::KeyChanged>();
    return one && !next(BootClock::now());
  }

 private:
  redis::Nodes nodes_;
  std::vector<redis::Event> events_;
};

}  // namespace

TEST_SUITE("listening for changes") {
  TEST_CASE("a set, an extension, a deletion and an expiry are told, whoever it was") {
    const auto server = RedisServer::start();
    if (!server) return;
    Client client = server->client();
    for (const auto& endpoint : {server->tcp_endpoint(), server->unix_endpoint()}) {
      Listener one{endpoint};
      REQUIRE(one.hears<redis::SubscriptionReady>());
      client.ask({"SET", "k", "t", "NX", "PX", "30000"});
      CHECK(one.hears<redis::KeyChanged>());
      client.ask({"PEXPIRE", "k", "60000"});
      CHECK(one.hears<redis::KeyChanged>());
      client.ask({"DEL", "k"});
      CHECK(one.hears<redis::KeyChanged>());
      client.ask({"SET", "k", "t", "PX", "200"});
      CHECK(one.hears<redis::KeyChanged>());
      CHECK(one.hears<redis::KeyChanged>());  // it has expired
      client.ask({"FLUSHALL"});
      CHECK(one.hears<redis::KeyChanged>());
    }
  }

  TEST_CASE("neither reads nor other keys are told, also such as begin with the name") {
    const auto server = RedisServer::start();
    if (!server) return;
    Client client = server->client();
    Listener one{server->unix_endpoint()};
    REQUIRE(one.hears<redis::SubscriptionReady>());
    client.ask({"GET", "k"});
    client.ask({"SET", "other", "1"});
    client.ask({"SET", "k2", "1"});
    client.ask({"DEL", "k"});  // was not there
    CHECK(one.heard_nothing_before([&] { client.ask({"SET", "k", "t"}); }));
  }

  TEST_CASE("keys of any bytes are heard") {
    const auto server = RedisServer::start();
    if (!server) return;
    Client client = server->client();
    const std::string key{"a \"\r\n\0{}*\xff", 11};
    Listener one{server->unix_endpoint(), key};
    REQUIRE(one.hears<redis::SubscriptionReady>());
    client.ask({"SET", key, "t"});
    CHECK(one.hears<redis::KeyChanged>());
  }

  TEST_CASE("it listens again after its connection, or the server, was killed, and tells of both") {
    const auto server = RedisServer::start();
    if (!server) return;
    Listener one{server->tcp_endpoint()};
    REQUIRE(one.hears<redis::SubscriptionReady>());
    server->client().ask({"CLIENT", "KILL", "TYPE", "pubsub"});
    CHECK(one.hears<redis::SubscriptionLost>());
    CHECK(one.hears<redis::SubscriptionReady>());
    server->client().ask({"SET", "k", "t"});
    CHECK(one.hears<redis::KeyChanged>());
    server->stop();
    CHECK(one.hears<redis::SubscriptionLost>());
    server->restart();
    CHECK(one.hears<redis::SubscriptionReady>());
    server->client().ask({"SET", "k", "t"});
    CHECK(one.hears<redis::KeyChanged>());
  }

  TEST_CASE("user and password are used, and with a wrong one it does not try for ever") {
    const auto server =
        RedisServer::start(server_is_at_least(6, 2)
                               ? std::vector<std::string>{"--user", "alice", "on", ">pw", "~*", "&*", "+@all"}
                               : std::vector<std::string>{"--user", "alice", "on", ">pw", "~*", "+@all"});
    if (!server) return;
    redis::NodeEndpoint endpoint = server->unix_endpoint();
    endpoint.username = "alice";
    endpoint.password = Secret{"pw"};
    CHECK(Listener{endpoint}.hears<redis::SubscriptionReady>());
    endpoint.password = Secret{"wrong"};
    Listener refused{endpoint};
    Client client = server->client();
    CHECK(eventually([&] {
      refused.next(BootClock::now() + milliseconds{5});
      return client.tell({"ACL", "LOG"}) != "" || client.ask({"ACL", "LOG"}).elements.size() > 0;
    }));
    const auto tried = client.ask({"INFO", "stats"}).text;
    CHECK_FALSE(refused.next(BootClock::now() + milliseconds{300}));
    const auto connections = [](const std::string& info) {
      const auto at = info.find("total_connections_received:");
      return info.substr(at, info.find('\r', at) - at);
    };
    CHECK(connections(client.ask({"INFO", "stats"}).text) == connections(tried));
  }

  TEST_CASE("where the ACL forbids tracking, or the channel, nothing is heard and it gives up") {
    if (!server_is_at_least(6, 2)) return;  // no rights to channels
    const auto server =
        RedisServer::start({"--user", "notracking", "on", "nopass", "~*", "&*", "+@all", "-client|tracking",
                            "--user", "nochannel", "on", "nopass", "~*", "resetchannels", "+@all"});
    if (!server) return;
    Client client = server->client();
    for (const char* user : {"notracking", "nochannel"}) {
      redis::NodeEndpoint endpoint = server->unix_endpoint();
      endpoint.username = user;
      endpoint.password = Secret{"any"};
      client.ask({"ACL", "LOG", "RESET"});
      Listener one{endpoint};
      CHECK(eventually([&] {
        CHECK_FALSE(one.next(BootClock::now() + milliseconds{5}));
        return !client.ask({"ACL", "LOG"}).elements.empty();
      }));
      // Longer than the rest before another try, and not another one made.
      client.ask({"ACL", "LOG", "RESET"});
      CHECK_FALSE(one.next(BootClock::now() + milliseconds{300}));
      CHECK(client.ask({"ACL", "LOG"}).elements.empty());
    }
  }

  TEST_CASE("a server that tells of other keys all the time is listened to no longer") {
    const auto server = RedisServer::start();
    if (!server) return;
    Listener one{server->unix_endpoint()};
    REQUIRE(one.hears<redis::SubscriptionReady>());
    Client client = server->client();
    for (int i = 0; i < 250; ++i) client.ask({"SET", "k-other", std::to_string(i)});
    CHECK(one.comes_to_hear<redis::SubscriptionLost>());
    CHECK_FALSE(one.next(BootClock::now() + milliseconds{300}));  // does not come back
  }

  TEST_CASE("what is no answer of Redis ends the connection, and is never taken for a change") {
    for (const char* nonsense : {"HTTP/1.1 400 Bad Request\r\n\r\n", ":7\r\n+OK\r\n+OK\r\n",
                                 ":7\r\n+OK\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*1\r\n:1\r\n"}) {
      FakeServer server{[&](int fd, int) {
        CommandReader commands{fd};
        if (commands.next()) write_all(fd, nonsense);
        wait_for_end(fd);
      }};
      Listener one{server.endpoint()};
      CHECK(eventually([&] {
        const auto event = one.next(BootClock::now() + milliseconds{5});
        CHECK_FALSE((event && is<redis::KeyChanged>(*event)));
        return server.connections() > 1;  // tries again, later each time
      }));
    }
  }

  TEST_CASE("a server that cannot do it is not asked again") {
    std::atomic<bool> refused = false;
    FakeServer server{[&](int fd, int) {
      CommandReader commands{fd};
      for (int nth = 1; commands.next(); ++nth) {
        write_all(fd, nth == 1 ? ":7\r\n" : "-ERR overlapping prefix, or something of the kind\r\n");
        refused = nth > 1;
      }
    }};
    Listener one{server.endpoint()};
    CHECK(eventually([&] {
      one.next(BootClock::now() + milliseconds{5});
      return refused.load();
    }));
    CHECK_FALSE(one.next(BootClock::now() + milliseconds{300}));
    CHECK(server.connections() == 1);
  }

  TEST_CASE("a server that says nothing is left after the time given, and tried again") {
    FakeServer server{[](int fd, int) { wait_for_end(fd); }};
    redis::Nodes nodes{{server.endpoint()}, {.keys = {"k"}, .holder = {}}, surroundings()};
    nodes.subscribe(0, Next, {}, milliseconds{20});
    std::vector<redis::Event> events;
    CHECK(eventually([&] {
      nodes.wait(BootClock::now() + milliseconds{5}, {}, events);
      return server.connections() > 1;
    }));
    CHECK(events.empty());
  }

  TEST_CASE("a call is heard, and what is none is not taken for one") {
    const auto server = RedisServer::start();
    if (!server) return;
    Client client = server->client();
    Listener one{server->unix_endpoint(), "k", "turn:me"};
    REQUIRE(one.listens(true));
    client.ask({"PUBLISH", "turn:me", "1"});
    CHECK(one.hears_call(1));
    for (const char* wrong : {"", "-1", "1.5", " 1", "2", "3", "99999999999999999999", "x"})
      client.ask({"PUBLISH", "turn:me", wrong});
    client.ask({"PUBLISH", "turn:other", "1"});
    CHECK(one.heard_nothing_before([&] { client.ask({"SET", "k", "t"}); }));
    client.ask({"PUBLISH", "turn:me", "0"});
    CHECK(one.hears_call(0));

    Listener other{server->unix_endpoint(), "k"};
    REQUIRE(other.listens(false));
    client.ask({"PUBLISH", "turn:me", "1"});
    CHECK(other.heard_nothing_before([&] { client.ask({"SET", "k", "t"}); }));
  }

  TEST_CASE("one that is queued is called only, and is told of changes from when it is next") {
    const auto server = RedisServer::start();
    if (!server) return;
    Client client = server->client();
    const auto trackers = [&] {
      const std::string all = client.tell({"INFO", "clients"});
      const std::string field = "tracking_clients:";
      return all.substr(all.find(field) + field.size(), 1);
    };
    for (const auto& endpoint : {server->tcp_endpoint(), server->unix_endpoint()}) {
      Listener one{endpoint, "k", "turn:me"};
      one.nodes().subscribe(0, Queued, "turn:me", kPatience);
      REQUIRE(one.listens(true));
      CHECK(trackers() == "0");
      client.ask({"SET", "k", "t"});
      client.ask({"PUBLISH", "turn:me", "1"});
      CHECK(one.hears_call(1));
      one.nodes().subscribe(0, Next, "turn:me", kPatience);
      CHECK(one.listens(true));
      CHECK(trackers() == "1");
      client.ask({"SET", "k", "t"});
      CHECK(one.hears<redis::KeyChanged>());
      client.ask({"PUBLISH", "turn:me", "0"});
      CHECK(one.hears_call(0));
      one.nodes().subscribe(0, Queued, "turn:me", kPatience);
      CHECK(one.listens(true));
      CHECK(eventually([&] { return trackers() == "0"; }));
      // It stays queued when the connection has broken.
      client.ask({"CLIENT", "KILL", "TYPE", "pubsub"});
      CHECK(one.comes_to_hear<redis::SubscriptionLost>());
      CHECK(one.comes_to_hear<redis::SubscriptionReady>());
      CHECK(trackers() == "0");
      client.ask({"PUBLISH", "turn:me", "0"});
      CHECK(one.hears_call(0));
      one.nodes().unsubscribe();
      CHECK(eventually([&] { return client.tell({"CLIENT", "LIST", "TYPE", "pubsub"}).empty(); }));
    }
  }

  TEST_CASE("one without a channel is told of changes in any mode") {
    const auto server = RedisServer::start();
    if (!server) return;
    Listener one{server->tcp_endpoint(), "k", {}, Queued};
    REQUIRE(one.listens(false));
    server->client().ask({"SET", "k", "t"});
    CHECK(one.hears<redis::KeyChanged>());
  }

  TEST_CASE("a node that has refused to tell is not asked again when it is subscribed to once more") {
    std::atomic<bool> left = false;
    FakeServer fake{[&](int fd, int) {
      write_all(fd, "-NOPERM this user has no permissions to run the 'client|id' command\r\n");
      wait_for_end(fd);
      left = true;
    }};
    redis::Nodes nodes{{fake.endpoint()}, {.keys = {"k"}, .holder = {}}, surroundings()};
    std::vector<redis::Event> events;
    const auto pass = [&] { nodes.wait(BootClock::now() + milliseconds{10}, {}, events); };
    nodes.subscribe(0, Next, "turn:me", kPatience);
    REQUIRE(eventually([&] {
      pass();
      return left.load();
    }));
    nodes.subscribe(0, Next, "turn:me", kPatience);
    for (int times = 0; times < 5; ++times) pass();
    CHECK(fake.connections() == 1);
    CHECK(events.empty());
  }

  TEST_CASE("where the ACL forbids calls there are none, and one that is queued is told of changes") {
    if (!server_is_at_least(6, 2)) return;  // no rights to channels
    const auto server = RedisServer::start({"--user", "nopublish", "on", "nopass", "~*", "&*", "+@all",
                                            "-publish", "--user", "nochannel", "on", "nopass", "~*",
                                            "resetchannels", "&__redis__:invalidate", "+@all"});
    if (!server) return;
    Client client = server->client();
    for (const char* user : {"nopublish", "nochannel"}) {
      redis::NodeEndpoint endpoint = server->unix_endpoint();
      endpoint.username = user;
      endpoint.password = Secret{"any"};
      Listener one{endpoint, "k", "turn:me"};
      one.nodes().subscribe(0, Queued, "turn:me", kPatience);
      REQUIRE(one.listens(false));
      client.ask({"SET", "k", "t"});
      CHECK(one.hears<redis::KeyChanged>());
    }
  }

  TEST_CASE("a server that stops answering when the mode changes is left, and not taken for one that calls") {
    FakeServer fake{[](int fd, int nth) {
      CommandReader commands{fd};
      while (const auto words = commands.next()) {
        const std::string& what = words->front();
        if (what == "SUBSCRIBE" && nth == 2) break;
        if (what == "SUBSCRIBE") write_all(fd, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
        if (what == "PUBLISH" || (*words)[1] == "ID") write_all(fd, ":1\r\n");
        if (what == "CLIENT" && (*words)[1] != "ID") write_all(fd, "+OK\r\n");
      }
      wait_for_end(fd);
    }};
    constexpr milliseconds kTimeToSubscribe{3000};
    redis::Nodes nodes{{fake.endpoint()}, {.keys = {"k"}, .holder = {}}, surroundings()};
    nodes.subscribe(0, Next, "turn:me", kTimeToSubscribe);
    const auto comes = [&](auto what) {
      std::vector<redis::Event> events;
      const TimePoint limit = BootClock::now() + kPatience;
      while (BootClock::now() < limit) {
        nodes.wait(limit, {}, events);
        for (const redis::Event& event : events) {
          if (is<decltype(what)>(event)) return true;
        }
      }
      return false;
    };
    REQUIRE(comes(redis::SubscriptionReady{}));
    nodes.subscribe(0, Queued, "turn:me", kTimeToSubscribe);
    CHECK(comes(redis::SubscriptionLost{}));
    CHECK(comes(redis::SubscriptionReady{}));
    CHECK(fake.connections() == 3);
  }

  TEST_CASE("no connection is left when it no longer listens") {
    const auto server = RedisServer::start();
    if (!server) return;
    Listener one{server->unix_endpoint()};
    REQUIRE(one.hears<redis::SubscriptionReady>());
    Client client = server->client();
    REQUIRE(client.tell({"CLIENT", "LIST", "TYPE", "pubsub"}) != "");
    one.nodes().unsubscribe();
    CHECK(eventually([&] { return client.tell({"CLIENT", "LIST", "TYPE", "pubsub"}).empty(); }));
  }
}

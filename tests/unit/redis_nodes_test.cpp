#include "redis/node_error.hpp"
#include "redis/nodes.hpp"
#include "redis_support.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

// Real servers: passwords, databases, ACLs, replicas, and servers that hang, restart or go.

using namespace redlock;
using namespace redlock::test;
using quorum::Failure;
using quorum::Granted;
using quorum::Released;
using Kind = redlock::redis::NodeError;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kSoon{1000};  // time enough to send a request

Kind kind_of_failure(const redis::Event& event) {
  const Failure* failure = failure_of(event);
  REQUIRE(failure != nullptr);
  return failure->kind;
}

}  // namespace

TEST_SUITE("redis nodes") {
  TEST_CASE("a lock is taken and given back over TCP and over a unix socket") {
    const auto server = RedisServer::start();
    if (!server) return;
    for (const auto& endpoint : {server->tcp_endpoint(), server->unix_endpoint()}) {
      Conversation node{endpoint};
      CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
      REQUIRE(node.identities().size() == 1);
      CHECK(node.identities()[0].known);
      CHECK(node.identities()[0].run_id.size() == 40);
      CHECK(node.identities()[0].role == quorum::Role::Master);
      const auto released = node.ask(quorum::ReleaseRequest{{"t"}});
      REQUIRE(reply_as<Released>(released) != nullptr);
      CHECK(reply_as<Released>(released)->was_ours);
    }
  }

  TEST_CASE("the password, the user and the database of the endpoint are used") {
    const auto server =
        RedisServer::start({"--requirepass", "s3 cret", "--user", "alice", "on", ">pw", "~*", "+@all"});
    if (!server) return;
    redis::NodeEndpoint endpoint = server->unix_endpoint();
    CHECK(kind_of_failure(Conversation{endpoint}.ask(acquire("t"))) == Kind::AuthRequired);
    endpoint.password = Secret{"wrong"};
    CHECK(kind_of_failure(Conversation{endpoint}.ask(acquire("t"))) == Kind::AuthFailed);
    endpoint.password = Secret{"s3 cret"};
    endpoint.db = 5;
    CHECK(reply_as<Granted>(Conversation{endpoint}.ask(acquire("t"))) != nullptr);
    endpoint.username = "alice";
    CHECK(kind_of_failure(Conversation{endpoint}.ask(acquire("t"))) == Kind::AuthFailed);
    endpoint.password = Secret{"pw"};
    CHECK(reply_as<Granted>(Conversation{endpoint}.ask(acquire("t"))) != nullptr);
    Client client = server->client();
    client.ask({"AUTH", "s3 cret"});
    CHECK(client.tell({"EXISTS", "k"}) == "0");
    client.ask({"SELECT", "5"});
    CHECK(client.tell({"GET", "k"}) == "t");
    endpoint.db = 16;
    CHECK(kind_of_failure(Conversation{endpoint}.ask(acquire("t"))) == Kind::NoSuchDatabase);
  }

  TEST_CASE(
      "a password where none is set is a failure, and the release takes back what was granted in spite of "
      "it") {
    const auto server = RedisServer::start();
    if (!server) return;
    redis::NodeEndpoint endpoint = server->unix_endpoint();
    endpoint.password = Secret{"unneeded"};
    Conversation node{endpoint};
    CHECK(kind_of_failure(node.ask(acquire("t"))) == Kind::AuthFailed);
    CHECK(kind_of_failure(node.ask(quorum::ReleaseRequest{{"t"}})) == Kind::AuthFailed);
    CHECK(server->client().tell({"EXISTS", "k"}) == "0");
    server->client().ask({"CONFIG", "SET", "requirepass", "unneeded"});
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);  // on a new connection
  }

  TEST_CASE("a user whom the ACL forbids INFO locks, and one whom it forbids EVAL does not") {
    const auto server =
        RedisServer::start({"--user", "blind",  "on",        ">pw", "~*",  "+@all",    "-info",
                            "-role",  "--user", "mute",      "on",  ">pw", "~*",       "+@all",
                            "-eval",  "--user", "elsewhere", "on",  ">pw", "~other:*", "+@all"});
    if (!server) return;
    redis::NodeEndpoint endpoint = server->unix_endpoint();
    endpoint.password = Secret{"pw"};
    endpoint.username = "blind";
    Conversation blind{endpoint};
    CHECK(reply_as<Granted>(blind.ask(acquire("t"))) != nullptr);
    REQUIRE(blind.identities().size() == 1);
    CHECK(!blind.identities()[0].known);
    endpoint.username = "mute";
    CHECK(kind_of_failure(Conversation{endpoint}.ask(acquire("t"))) == Kind::NotPermitted);
    endpoint.username = "elsewhere";
    CHECK(kind_of_failure(Conversation{endpoint}.ask(acquire("t"))) == Kind::KeysNotPermitted);
  }

  TEST_CASE("a replica says that it is one and takes no lock") {
    const auto master = RedisServer::start();
    if (!master) return;
    const auto replica =
        RedisServer::start({"--replicaof", "127.0.0.1", std::to_string(master->tcp_endpoint().port)});
    Conversation node{replica->unix_endpoint()};
    CHECK(kind_of_failure(node.ask(acquire("t"))) == Kind::ReadOnly);
    REQUIRE(node.identities().size() == 1);
    CHECK(node.identities()[0].role == quorum::Role::Replica);
  }

  TEST_CASE("a cluster node says that it is one and takes no lock") {
    const auto server = RedisServer::start({"--cluster-enabled", "yes"});
    if (!server) return;
    Conversation node{server->unix_endpoint()};
    CHECK(kind_of_failure(node.ask(acquire("t"))) == Kind::ClusterMode);
    REQUIRE(node.identities().size() == 1);
    CHECK(node.identities()[0].cluster);
  }

  TEST_CASE("a server that lacks memory or replicas is a failure of that kind") {
    const auto server = RedisServer::start();
    if (!server) return;
    Conversation node{server->unix_endpoint()};
    server->client().ask({"CONFIG", "SET", "maxmemory", "1"});
    CHECK(kind_of_failure(node.ask(acquire("t"))) == Kind::OutOfMemory);
    server->client().ask({"CONFIG", "SET", "maxmemory", "0"});
    if (!server_is_at_least(7, 0)) return;  // a script writes all the same
    server->client().ask({"CONFIG", "SET", "min-replicas-to-write", "1"});
    CHECK(kind_of_failure(node.ask(acquire("t"))) == Kind::NoReplicas);
    server->client().ask({"CONFIG", "SET", "min-replicas-to-write", "0"});
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
  }

  TEST_CASE("a server without room for another client is a failure of that kind") {
    const auto server = RedisServer::start({"--maxclients", "1"});
    if (!server) return;
    const Client only = server->client();
    CHECK(eventually([&] {  // the starting test's own connection may not be forgotten yet
      const auto event = Conversation{server->tcp_endpoint()}.ask(acquire("t"));
      return failure_of(event) != nullptr && failure_of(event)->kind == Kind::TooManyClients;
    }));
  }

  TEST_CASE("a hung server times out, keeps its connection, and its late reply is dropped") {
    const auto server = RedisServer::start();
    if (!server) return;
    Conversation node{server->tcp_endpoint()};
    REQUIRE(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    server->freeze();
    const auto id = node.send(acquire("t"), kSoon);
    const auto late = node.outcome();
    server->thaw();
    REQUIRE(late.has_value());
    CHECK(late->id == id);
    CHECK(kind_of_failure(*late) == Kind::TimedOut);
    const auto released = node.ask(quorum::ReleaseRequest{{"t"}});
    REQUIRE(reply_as<Released>(released) != nullptr);
    CHECK(node.identities().size() == 1);
  }

  TEST_CASE("a hung server finds the request and its release when it wakes, though the client has gone") {
    const auto server = RedisServer::start();
    if (!server) return;
    for (const auto& endpoint : {server->tcp_endpoint(), server->unix_endpoint()}) {
      server->client().ask({"FLUSHALL"});
      server->freeze();
      {
        Conversation node{endpoint};
        CHECK(kind_of_failure(node.ask(acquire("t"), kSoon)) == Kind::TimedOut);
        node.send(quorum::ReleaseRequest{{"t"}});
        CHECK(eventually([&] {
          std::vector<redis::Event> events;
          node.nodes().wait(BootClock::now(), {}, events);
          return node.nodes().written(0);
        }));
      }
      server->thaw();
      Client client = server->client();
      CHECK(eventually([&] { return client.tell({"GET", "redlock.fence:k"}) == "1000"; }));
      CHECK(eventually([&] { return client.tell({"EXISTS", "k"}) == "0"; }));
    }
  }

  TEST_CASE(
      "a connection that has been silent for long is given up for the next request, but not for a release") {
    const auto server = RedisServer::start();
    if (!server) return;
    Conversation node{server->tcp_endpoint()};
    REQUIRE(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    server->freeze();
    CHECK(kind_of_failure(node.ask(acquire("t"), milliseconds{100})) == Kind::TimedOut);
    const TimePoint stale = BootClock::now() + milliseconds{2100};
    std::vector<redis::Event> events;
    while (BootClock::now() < stale) node.nodes().wait(stale, {}, events);
    CHECK(events.empty());
    CHECK(kind_of_failure(node.ask(quorum::ReleaseRequest{{"t"}}, milliseconds{100})) == Kind::TimedOut);
    node.send(acquire("second"));
    server->thaw();
    const auto event = node.outcome();
    REQUIRE(event.has_value());
    // The release went ahead of it, on the old connection or on the new one.
    CHECK(reply_as<Granted>(*event) != nullptr);
    CHECK(node.identities().size() == 2);
  }

  TEST_CASE("a restarted server is found again, as another one") {
    const auto server = RedisServer::start();
    if (!server) return;
    Conversation node{server->tcp_endpoint()};
    REQUIRE(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    server->stop();
    CHECK(eventually([&] {
      const Kind kind = kind_of_failure(node.ask(acquire("t")));
      CHECK((kind == Kind::Refused || kind == Kind::Disconnected));
      return kind == Kind::Refused;
    }));
    server->restart();
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    REQUIRE(node.identities().size() == 2);
    CHECK(node.identities()[0].run_id != node.identities()[1].run_id);
  }

  TEST_CASE("nodes are asked at the same time: one that hangs holds up none") {
    const auto first = RedisServer::start();
    if (!first) return;
    const auto hung = RedisServer::start();
    const auto third = RedisServer::start();
    hung->freeze();
    Conversation nodes{{first->tcp_endpoint(), hung->tcp_endpoint(), third->tcp_endpoint()}};
    for (quorum::NodeIndex node = 0; node < 3; ++node) nodes.send(acquire("t"), kPatience, node);
    for (int i = 0; i < 2; ++i) {
      const auto event = nodes.outcome();
      REQUIRE(event.has_value());
      CHECK(event->node != 1);
      CHECK(reply_as<Granted>(*event) != nullptr);
    }
    hung->thaw();
    const auto last = nodes.outcome();
    REQUIRE(last.has_value());
    CHECK(last->node == 1);
    CHECK(reply_as<Granted>(*last) != nullptr);
  }
}

#include "net/address.hpp"
#include "net/connector.hpp"
#include "net/resolver.hpp"
#include "net/tls_context.hpp"
#include "redis/link.hpp"
#include "redis/node_error.hpp"
#include "redis_support.hpp"

#include <doctest/doctest.h>

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <string>

// One node that misbehaves in every way that a network peer can.

using namespace redlock;
using namespace redlock::test;
using quorum::Failure;
using quorum::Granted;
using quorum::Released;
using Kind = redlock::redis::NodeError;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view kGrant = "*2\r\n:1\r\n$4\r\n1000\r\n";
constexpr std::string_view kRelease = "*2\r\n:1\r\n:0\r\n";
constexpr milliseconds kSoon{1000};  // time enough to send a request

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// The failure of a request to a server that says `bytes` as soon as it is connected, and then nothing.
Failure failure_when_told(std::string bytes) {
  FakeServer server{[&bytes](int fd, int) {
    write_all(fd, bytes);
    wait_for_end(fd);
  }};
  Conversation node{server.endpoint()};
  const auto event = node.ask(acquire("t"));
  const Failure* failure = failure_of(event);
  REQUIRE(failure != nullptr);
  return *failure;
}

// A listener whose backlog is full drops what comes: a connect neither succeeds nor fails.
class SilentPort {
 public:
  SilentPort() : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    auto any = *net::numeric_address("127.0.0.1", 0);
    REQUIRE(::bind(listener_.get(), any.get(), any.length) == 0);
    REQUIRE(::listen(listener_.get(), 0) == 0);
    REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any.storage), &any.length) == 0);
    port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&any.storage)->sin_port);
    for (int i = 0; i < 4; ++i) {
      filling_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      static_cast<void>(::connect(filling_.back().get(), any.get(), any.length));  // under way, or not
    }
  }
  std::uint16_t port() const { return port_; }

 private:
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::vector<UniqueFd> filling_;
};

}  // namespace

TEST_SUITE("redis link") {
  TEST_CASE("the greeting and the first request come in one piece, and the identity ahead of the reply") {
    std::mutex mutex;
    std::string first_piece;
    FakeServer server{[&](int fd, int) {
      char bytes[16384];
      const ssize_t count = ::recv(fd, bytes, sizeof bytes, 0);
      {
        const std::lock_guard lock{mutex};
        first_piece.assign(bytes, count > 0 ? static_cast<std::size_t>(count) : 0);
      }
      write_all(fd, "+OK\r\n+OK\r\n" + healthy_greeting() + std::string{kGrant});
      wait_for_end(fd);
    }};
    redis::NodeEndpoint endpoint = server.endpoint();
    endpoint.password = Secret{"hunter2"};
    endpoint.username = "alice";
    endpoint.db = 2;
    Conversation node{endpoint};
    const auto event = node.ask(acquire("t"));
    REQUIRE(reply_as<Granted>(event) != nullptr);
    CHECK(reply_as<Granted>(event)->fence == 1000);
    REQUIRE(node.identities().size() == 1);
    CHECK(node.identities()[0].known);
    CHECK(node.identities()[0].run_id == "0123456789abcdef0123456789abcdef01234567");
    CHECK(node.identities()[0].uptime == std::chrono::seconds{4711});
    CHECK(node.identities()[0].role == quorum::Role::Master);
    CHECK(!node.identities()[0].cluster);
    const std::lock_guard lock{mutex};
    CHECK(first_piece.starts_with(
        "*3\r\n$4\r\nAUTH\r\n$5\r\nalice\r\n$7\r\nhunter2\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"));
    CHECK(contains(first_piece, "INFO"));
    CHECK(contains(first_piece, "ROLE"));
    CHECK(contains(first_piece, "EVAL"));
  }

  TEST_CASE("replies that come byte by byte are replies") {
    FakeServer server{[](int fd, int) {
      CommandReader commands{fd};
      for (int nth = 1; commands.next(); ++nth) {
        if (nth == 2) write_slowly(fd, healthy_greeting());
        if (nth > 2) write_slowly(fd, kGrant);
      }
    }};
    Conversation node{server.endpoint()};
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    CHECK(node.identities().size() == 1);
    CHECK(server.connections() == 1);
  }

  TEST_CASE("half a reply is none: the request times out, and its end is not taken for the next reply") {
    FakeServer server{[](int fd, int) {
      CommandReader commands{fd};
      commands.next();
      commands.next();
      write_all(fd, healthy_greeting());
      commands.next();
      write_all(fd, "*2\r\n:1\r\n$4\r\n10");
      commands.next();
      write_all(fd, "00\r\n" + std::string{kRelease});
      wait_for_end(fd);
    }};
    Conversation node{server.endpoint()};
    const auto late = node.ask(acquire("t"), kSoon);
    REQUIRE(failure_of(late) != nullptr);
    CHECK(failure_of(late)->kind == Kind::TimedOut);
    CHECK(contains(failure_of(late)->detail, "waiting for its answer"));
    const auto released = node.ask(quorum::ReleaseRequest{{"t"}});
    REQUIRE(reply_as<Released>(released) != nullptr);
    CHECK(reply_as<Released>(released)->was_ours);
    CHECK(server.connections() == 1);
  }

  TEST_CASE("requests are answered in order, and each once") {
    FakeServer server{answer_with(std::string{kGrant})};
    Conversation node{server.endpoint()};
    for (int i = 0; i < 20; ++i) node.send(acquire("t"));
    for (quorum::RequestId id = 1; id <= 20; ++id) {
      const auto event = node.outcome();
      REQUIRE(event.has_value());
      CHECK(event->id == id);
      CHECK(reply_as<Granted>(*event) != nullptr);
    }
    CHECK(node.nodes().written(0));
  }

  TEST_CASE("what is not Redis is garbled, and named where it can be") {
    const struct {
      std::string bytes;
      std::string_view says;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "HTTP"},
        {std::string{"\x15\x03\x01\x00\x02\x02\x46", 7}, "rediss://"},
        {"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"},
        {"$536870912\r\n", "536870912"},
        {"*2000000000\r\n", "larger"},
        {std::string(1000, '\0'), "protocol"},
        {"+OK\r\n", ""},
        {":1\r\n", ""},
        {"$5\r\nhello\r\n", ""},
        {"*1\r\n:1\r\n", ""},
        {">2\r\n+message\r\n+x\r\n", ""},
        {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", ""},
    };
    for (const auto& each : cases) {
      CAPTURE(each.bytes);
      const Failure failure = failure_when_told(each.bytes);
      CHECK(failure.kind == Kind::Garbled);
      CHECK(contains(failure.detail, each.says));
    }
  }

  TEST_CASE("endless pushes and endless bulk data end the connection and cost no memory") {
    rusage before{};
    getrusage(RUSAGE_SELF, &before);
    for (const std::string_view endless : {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", "x", "*1\r\n"}) {
      for (const std::string_view opening : {"", "$262144\r\n", "+"}) {
        FakeServer server{[&](int fd, int) {
          write_all(fd, opening);
          std::string block;
          while (block.size() < 60'000) block += endless;
          while (::send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
          }
        }};
        Conversation node{server.endpoint()};
        const auto event = node.ask(acquire("t"));
        REQUIRE(failure_of(event) != nullptr);
        CHECK(failure_of(event)->kind == Kind::Garbled);
      }
    }
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss <
          64 * 1024);  // kilobytes; the sanitizers' own need is among them
  }

  TEST_CASE("an answer that nobody asked for ends the connection") {
    FakeServer server{[](int fd, int nth) {
      CommandReader commands{fd};
      for (int n = 1; auto words = commands.next(); ++n) {
        if (n == 2) write_all(fd, healthy_greeting());
        if (n > 2) write_all(fd, std::string{kGrant} + (nth == 1 ? "+PONG\r\n" : ""));
      }
    }};
    Conversation node{server.endpoint()};
    REQUIRE(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    const bool anew = eventually([&] { return node.ask(acquire("t")), server.connections() == 2; });
    CHECK(anew);
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
  }

  TEST_CASE("a server that turns clients away is understood though it closes at once") {
    const struct {
      std::string_view bytes;
      Kind kind;
    } cases[] = {{"-ERR max number of clients reached\r\n", Kind::TooManyClients},
                 {"-DENIED Redis is running in protected mode because ...\r\n", Kind::ProtectedMode}};
    for (const auto& each : cases) {
      FakeServer server{[&](int fd, int) { write_all(fd, each.bytes); }};
      Conversation node{server.endpoint()};
      const auto event = node.ask(acquire("t"));
      REQUIRE(failure_of(event) != nullptr);
      CHECK(failure_of(event)->kind == each.kind);
    }
  }

  TEST_CASE(
      "a wrong password beats the errors that follow from it, for all that is asked on the connection") {
    FakeServer server{[](int fd, int) {
      write_all(fd,
                "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
                "-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n"
                "-NOAUTH Authentication required.\r\n");
      CommandReader commands{fd};
      for (int nth = 1; commands.next(); ++nth) {
        if (nth > 4) write_all(fd, "-NOAUTH Authentication required.\r\n");
      }
    }};
    redis::NodeEndpoint endpoint = server.endpoint();
    endpoint.password = Secret{"hunter2"};
    Conversation node{endpoint};
    for (const quorum::Request& request :
         {quorum::Request{acquire("t")}, quorum::Request{quorum::ReleaseRequest{{"t"}}}}) {
      const auto event = node.ask(request);
      REQUIRE(failure_of(event) != nullptr);
      CHECK(failure_of(event)->kind == Kind::AuthFailed);
    }
    CHECK(node.identities().empty());
    CHECK(server.connections() == 1);
  }

  TEST_CASE("the last words of a server that resets the connection are heard though the write fails") {
    std::atomic<bool> gone = false;
    FakeServer server{[&](int fd, int) {
      CommandReader commands{fd};
      for (int nth = 0; nth < 3; ++nth) commands.next();
      write_all(fd, healthy_greeting() + std::string{kGrant} + "-MISCONF going down\r\n");
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      gone = true;
    }};
    Conversation node{server.endpoint()};
    node.send(acquire("t"));
    REQUIRE(eventually([&] { return gone.load(); }));
    std::this_thread::sleep_for(
        milliseconds{20});  // for the close itself: without it the write succeeds, and all is well
    node.send(acquire("t"));
    const auto granted = node.outcome();
    REQUIRE(granted.has_value());
    CHECK(reply_as<Granted>(*granted) != nullptr);
    const auto failed = node.outcome();
    REQUIRE(failed.has_value());
    REQUIRE(failure_of(*failed) != nullptr);
    CHECK(failure_of(*failed)->kind == Kind::PersistenceBroken);
  }

  TEST_CASE("a release that a silent connection still owes goes ahead on the next one") {
    std::mutex mutex;
    std::vector<std::size_t> lengths;  // of the commands on the second connection: 6 words are a release
    FakeServer server{[&](int fd, int nth) {
      CommandReader commands{fd};
      for (int n = 1; auto words = commands.next(); ++n) {
        if (nth == 1) continue;
        if (n == 2) write_all(fd, healthy_greeting());
        if (n <= 2) continue;
        const std::lock_guard lock{mutex};
        lengths.push_back(words->size());
        write_all(fd, words->size() == 6 ? kRelease : kGrant);
      }
    }};
    Conversation node{server.endpoint()};
    node.send(acquire("t"), kSoon);
    node.send(quorum::ReleaseRequest{{"t"}}, kSoon);
    for (int i = 0; i < 2; ++i) {
      const auto late = node.outcome();
      REQUIRE(late.has_value());
      CHECK(failure_of(*late)->kind == Kind::TimedOut);
    }
    std::vector<redis::Event> events;
    const TimePoint stale = BootClock::now() + 3 * kSoon;
    while (BootClock::now() < stale) node.nodes().wait(stale, {}, events);
    CHECK(reply_as<Granted>(node.ask(acquire("u"))) != nullptr);
    CHECK(events.empty());
    const std::lock_guard lock{mutex};
    REQUIRE(lengths.size() == 2);
    CHECK(lengths[0] == 6);
    CHECK(lengths[1] > 6);
  }

  // As KeyDB does: it reads all that is there before it executes any of it, and refuses long commands before AUTH.
  TEST_CASE(
      "where a long command may not follow AUTH in one write, AUTH goes ahead of the rest from then on") {
    std::atomic<bool> right = true;
    FakeServer server{[&](int fd, int) {
      bool authenticated = false;
      redis::ReplyReader reader;
      char bytes[65536];
      for (ssize_t count = 0; (count = ::read(fd, bytes, sizeof bytes)) > 0;) {
        reader.feed({bytes, static_cast<std::size_t>(count)});
        std::vector<redis::Value> commands;
        for (auto next = reader.next(); std::holds_alternative<redis::Value>(next); next = reader.next())
          commands.push_back(std::get<redis::Value>(std::move(next)));
        for (const redis::Value& command : commands) {
          if (authenticated || command.elements.size() <= 10) continue;
          write_all(fd, "-ERR Protocol error: unauthenticated multibulk length\r\n");
          return;
        }
        for (const redis::Value& command : commands) {
          const std::string& name = command.elements[0].text;
          if (name == "AUTH") {
            authenticated = right;
            write_all(fd, authenticated ? "+OK\r\n" : "-WRONGPASS no\r\n");
          }
          if (name == "INFO") write_all(fd, authenticated ? healthy_greeting() : "-NOAUTH\r\n-NOAUTH\r\n");
          if (name == "EVAL") write_all(fd, command.elements.size() == 6 ? kRelease : kGrant);
        }
      }
    }};
    redis::NodeEndpoint endpoint = server.endpoint();
    endpoint.password = Secret{"pw"};
    Conversation node{endpoint};
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    CHECK(server.connections() == 2);
    CHECK(node.identities().size() == 1);
    CHECK(reply_as<Released>(node.ask(quorum::ReleaseRequest{{"t"}})) != nullptr);
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    CHECK(server.connections() == 2);

    right = false;
    Conversation stranger{endpoint};
    const auto refused = stranger.ask(acquire("t"));
    REQUIRE(failure_of(refused) != nullptr);
    CHECK(failure_of(refused)->kind == Kind::AuthFailed);
    endpoint.password = {};
    Conversation nobody{endpoint};
    const auto unknown = nobody.ask(acquire("t"));
    REQUIRE(failure_of(unknown) != nullptr);
    CHECK(failure_of(unknown)->kind == Kind::AuthRequired);
  }

  TEST_CASE("a server that quotes the password back does not get it shown") {
    const std::string_view quoting[] = {
        "-ERR unknown command `AUTH`, with args beginning with: `hunter2`, \r\n",
        "-WRONGPASS hunter2 is wrong\r\n", "-NOPERM hunter2\r\n"};
    for (const std::string_view answer : quoting) {
      FakeServer server{[answer](int fd, int) {
        write_all(fd, answer);
        wait_for_end(fd);
      }};
      redis::NodeEndpoint endpoint = server.endpoint();
      endpoint.password = Secret{"hunter2"};
      Conversation node{endpoint};
      const auto event = node.ask(acquire("t"));
      REQUIRE(failure_of(event) != nullptr);
      CHECK(!contains(failure_of(event)->detail, "hunter2"));
      CHECK(!contains(redis::describe(*failure_of(event), endpoint), "hunter2"));
    }
  }

  TEST_CASE("an active replica of KeyDB is a replica, and a sentinel is one though it knows no SELECT") {
    const struct {
      std::string_view select;
      std::string_view role;
      quorum::Role read;
    } cases[] = {{"+OK\r\n", "*2\r\n$14\r\nactive-replica\r\n$9\r\n127.0.0.1\r\n", quorum::Role::Replica},
                 {"-ERR unknown command `SELECT`, with args beginning with: `1`, \r\n",
                  "*2\r\n$8\r\nsentinel\r\n*0\r\n", quorum::Role::Sentinel}};
    const std::string role = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
    const std::string info = healthy_greeting().substr(0, healthy_greeting().size() - role.size());
    for (const auto& each : cases) {
      FakeServer server{[&](int fd, int) {
        CommandReader commands{fd};
        for (int nth = 1; commands.next(); ++nth) {
          if (nth == 1) write_all(fd, each.select);
          if (nth == 2) write_all(fd, info);
          if (nth == 3) write_all(fd, each.role);
          if (nth > 3) write_all(fd, "-ERR unknown command\r\n");
        }
      }};
      redis::NodeEndpoint endpoint = server.endpoint();
      endpoint.db = 1;
      Conversation node{endpoint};
      CHECK(failure_of(node.ask(acquire("t")))->kind == Kind::UnknownCommand);
      REQUIRE(node.identities().size() == 1);
      CHECK(node.identities()[0].role == each.read);
    }
  }

  TEST_CASE("a server that is none of these and knows no SELECT has no such database") {
    FakeServer server{[](int fd, int) {
      CommandReader commands{fd};
      for (int nth = 1; commands.next(); ++nth) {
        if (nth == 1) write_all(fd, "-ERR unknown command `SELECT`\r\n");
        if (nth == 3) write_all(fd, healthy_greeting());
        if (nth > 3) write_all(fd, kGrant);
      }
    }};
    redis::NodeEndpoint endpoint = server.endpoint();
    endpoint.db = 1;
    Conversation node{endpoint};
    CHECK(failure_of(node.ask(acquire("t")))->kind == Kind::NoSuchDatabase);
    CHECK(node.identities().empty());
  }

  TEST_CASE("a node whose ACL hides INFO or ROLE has an identity that says so, and its replies count") {
    const std::string noperm = "-NOPERM this user has no permissions to run the command\r\n";
    const std::string role = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
    const std::string info = healthy_greeting().substr(0, healthy_greeting().size() - role.size());
    for (const std::string& greeting : {noperm + role, info + noperm, noperm + noperm}) {
      FakeServer server{[&](int fd, int) {
        write_all(fd, greeting + std::string{kGrant});
        wait_for_end(fd);
      }};
      Conversation node{server.endpoint()};
      // It speaks too soon; whether that is taken for an answer depends on who is faster.
      const auto event = node.ask(acquire("t"));
      if (reply_as<Granted>(event) == nullptr) continue;
      REQUIRE(node.identities().size() == 1);
      CHECK(!node.identities()[0].known);
    }
  }

  TEST_CASE("a node that cannot say who it is just now has no vote: its replies are failures") {
    FakeServer server{[](int fd, int) {
      CommandReader commands{fd};
      for (int nth = 1; commands.next(); ++nth) {
        if (nth == 2) write_all(fd, "-BUSY Redis is busy\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
        if (nth > 2) write_all(fd, kGrant);
      }
    }};
    Conversation node{server.endpoint()};
    const auto event = node.ask(acquire("t"));
    REQUIRE(failure_of(event) != nullptr);
    CHECK(failure_of(event)->kind == Kind::Busy);
    CHECK(node.identities().empty());
  }

  TEST_CASE("a refused connection is told at once, and the next request tries again") {
    redis::NodeEndpoint endpoint;
    {
      FakeServer gone{[](int, int) {}};
      endpoint = gone.endpoint();
    }
    Conversation node{endpoint};
    for (int i = 0; i < 2; ++i) {
      node.send(acquire("t"));
      CHECK(!node.nodes().written(0));  // though nothing waits to be written any more
      const auto event = node.outcome();
      REQUIRE(event.has_value());
      REQUIRE(failure_of(*event) != nullptr);
      CHECK(failure_of(*event)->kind == Kind::Refused);
      CHECK(node.nodes().written(0));
    }
    CHECK(!node.nodes().recovering(0));
  }

  TEST_CASE("a socket that is not there, or whose path is too long, is unreachable") {
    redis::NodeEndpoint endpoint;
    endpoint.transport = redis::NodeEndpoint::Transport::Unix;
    const TempDir dir;
    for (const std::string& path : {dir.file("none.sock"), std::string(300, 'x')}) {
      endpoint.path = path;
      Conversation node{endpoint};
      const auto event = node.ask(acquire("t"));
      REQUIRE(failure_of(event) != nullptr);
      CHECK(failure_of(event)->kind == Kind::Unreachable);
      CHECK(!failure_of(event)->detail.empty());
    }
  }

  TEST_CASE("a unix socket with a full backlog is tried until there is room") {
    const TempDir dir;
    const std::string path = dir.file("full.sock");
    const auto address = net::unix_address(path);
    REQUIRE(address.has_value());
    const UniqueFd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::bind(listener.get(), address->get(), address->length) == 0);
    REQUIRE(::listen(listener.get(), 0) == 0);
    std::vector<UniqueFd> filling;
    for (;;) {
      UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
      if (::connect(socket.get(), address->get(), address->length) != 0) break;
      filling.push_back(std::move(socket));
    }
    REQUIRE(errno == EAGAIN);
    redis::NodeEndpoint endpoint;
    endpoint.transport = redis::NodeEndpoint::Transport::Unix;
    endpoint.path = path;
    Conversation node{endpoint};
    const auto event = node.ask(acquire("t"), kSoon);
    REQUIRE(failure_of(event) != nullptr);
    CHECK(failure_of(event)->kind == Kind::TimedOut);
    CHECK(contains(failure_of(event)->detail, "connecting"));

    node.send(acquire("t"));
    std::thread drain{[&] {
      for (std::size_t i = 0; i <= filling.size(); ++i) {
        const UniqueFd accepted{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (i < filling.size()) continue;
        write_all(accepted.get(), "");
        CommandReader commands{accepted.get()};
        for (int nth = 0; nth < 3; ++nth) commands.next();
        write_all(accepted.get(), healthy_greeting() + std::string{kGrant});
      }
    }};
    const auto granted = node.outcome();
    drain.join();
    REQUIRE(granted.has_value());
    CHECK(reply_as<Granted>(*granted) != nullptr);
  }

  TEST_CASE("names are resolved off the loop, and lead to the server or to a failure") {
    FakeServer server{answer_with(std::string{kGrant})};
    redis::NodeEndpoint endpoint = server.endpoint();
    endpoint.host = "localhost";  // ::1 first, perhaps: nobody listens there
    Conversation node{endpoint};
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);

    endpoint.host = "no-such-host.invalid";
    Conversation nowhere{endpoint};
    const auto event = nowhere.ask(acquire("t"));
    REQUIRE(failure_of(event) != nullptr);
    CHECK((failure_of(event)->kind == Kind::Unresolved || failure_of(event)->kind == Kind::TimedOut));
  }

  TEST_CASE("a lookup may be dropped while it runs") {
    for (int i = 0; i < 20; ++i) {
      const net::Lookup lookup{"no-such-host.invalid", 6379};
    }
  }

  TEST_CASE("a numeric address needs no name server") {
    CHECK(net::numeric_address("127.0.0.1", 1).has_value());
    CHECK(net::numeric_address("::1", 1).has_value());
    CHECK(net::numeric_address("::ffff:10.0.0.1", 1).has_value());
    CHECK(!net::numeric_address("localhost", 1).has_value());
    CHECK(!net::numeric_address("127.0.0.1.", 1).has_value());
    CHECK(!net::numeric_address("1", 1).has_value());
    CHECK(!net::numeric_address("::g", 1).has_value());
  }

  TEST_CASE("the next address is tried when one refuses") {
    FakeServer server{answer_with(std::string{kGrant})};
    redis::NodeEndpoint nobody;
    {
      FakeServer gone{[](int, int) {}};
      nobody = gone.endpoint();
    }
    net::Connector connector{{*net::numeric_address("127.0.0.1", nobody.port),
                              *net::numeric_address("127.0.0.1", server.endpoint().port)},
                             kPatience};
    bool connected = false;
    CHECK(eventually([&] {
      auto result = connector.step(BootClock::now());
      connected = std::holds_alternative<UniqueFd>(result);
      return !std::holds_alternative<net::Connector::Connecting>(result);
    }));
    CHECK(connected);
  }

  TEST_CASE("the next address is tried beside one that is silent") {
    const SilentPort dropping;
    const auto silent = *net::numeric_address("127.0.0.1", dropping.port());
    FakeServer server{answer_with(std::string{kGrant})};
    const TimePoint began{std::chrono::hours{1}};  // the connector has no clock of its own
    const auto good = *net::numeric_address("127.0.0.1", server.endpoint().port);
    const auto connects_after = [&](milliseconds allowance, std::vector<net::Address> addresses) -> Duration {
      net::Connector connector{std::move(addresses), allowance};
      CHECK(std::holds_alternative<net::Connector::Connecting>(connector.step(began)));
      const TimePoint next = connector.next_timer();
      CHECK(std::holds_alternative<net::Connector::Connecting>(connector.step(next - milliseconds{1})));
      CHECK(eventually([&] { return std::holds_alternative<UniqueFd>(connector.step(next)); }));
      return next - began;
    };
    CHECK(connects_after(std::chrono::seconds{20}, {silent, good}) == net::Connector::kPatience);
    // Where there is less time, the last address still gets a part of it.
    CHECK(connects_after(milliseconds{300}, {silent, good}) == milliseconds{100});
    CHECK(connects_after(milliseconds{3}, {silent, good}) == milliseconds{10});
    CHECK(connects_after(milliseconds{300}, {silent, good, silent, silent, silent}) == milliseconds{50});
  }

  TEST_CASE("what waits for a connection ends after node_timeout, however late an answer may come") {
    const SilentPort silent;
    redis::NodeEndpoint endpoint;
    endpoint.port = silent.port();
    Conversation node{endpoint, "k", milliseconds{100}};
    const TimePoint began = BootClock::now();
    const auto event = node.ask(acquire("t"));
    CHECK(BootClock::now() - began >= milliseconds{100});
    CHECK(BootClock::now() - began < kPatience);
    REQUIRE(failure_of(event) != nullptr);
    CHECK(failure_of(event)->kind == Kind::TimedOut);
    CHECK(failure_of(event)->detail == "connecting");
  }

  TEST_CASE(
      "a connection that is stuck before its first byte is begun anew, though there is always somebody who "
      "waits") {
    FakeServer server{[](int fd, int) { wait_for_end(fd); }};
    redis::NodeEndpoint endpoint = server.endpoint();
    endpoint.transport = redis::NodeEndpoint::Transport::Tls;
    endpoint.tls = std::get<0>(net::TlsContext::make({.insecure_skip_verify = true}));
    Conversation node{endpoint, "k", kSoon};
    std::vector<redis::Event> events;
    std::size_t sent = 0;
    CHECK(eventually([&] {
      node.send(acquire("t"));
      ++sent;
      const TimePoint next = BootClock::now() + milliseconds{300};
      while (BootClock::now() < next) node.nodes().wait(next, {}, events);
      return server.connections() >= 3;
    }));
    CHECK(!events.empty());
    CHECK(events.size() < sent);  // somebody waits still
    for (const redis::Event& event : events) {
      REQUIRE(failure_of(event) != nullptr);
      CHECK(failure_of(event)->kind == Kind::TimedOut);
      CHECK(contains(failure_of(event)->detail, "in the TLS handshake"));
    }
  }

  TEST_CASE("the families of a name's addresses take turns, beginning with the preferred one") {
    const auto address = [](const char* text) { return *net::numeric_address(text, 1); };
    const auto families = [&](std::initializer_list<const char*> texts) {
      std::vector<net::Address> addresses;
      for (const char* text : texts) addresses.push_back(address(text));
      std::string order;
      for (const net::Address& each : net::families_in_turn(addresses)) {
        order += each.family() == AF_INET ? '4' : '6';
      }
      return order;
    };
    CHECK(families({"::1", "::2", "::3", "127.0.0.1"}) == "6466");
    CHECK(families({"127.0.0.1", "127.0.0.2", "::1", "::2", "::3"}) == "46466");
    CHECK(families({"127.0.0.1", "127.0.0.2"}) == "44");
    CHECK(families({}).empty());
    const auto in_turn = net::families_in_turn({address("::1"), address("::2"), address("127.0.0.1")});
    CHECK(std::memcmp(in_turn[2].get(), address("::2").get(), sizeof(sockaddr_in6)) == 0);
  }

  TEST_CASE("a peer that closes an idle connection is noticed without an event, and without a busy loop") {
    FakeServer server{[](int fd, int nth) {
      CommandReader commands{fd};
      for (int n = 1; auto words = commands.next(); ++n) {
        if (n == 2) write_all(fd, healthy_greeting());
        if (n > 2) write_all(fd, kGrant);
        if (n > 2 && nth == 1) return;
      }
    }};
    Conversation node{server.endpoint()};
    REQUIRE(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    rusage before{};
    getrusage(RUSAGE_THREAD, &before);
    std::vector<redis::Event> events;
    node.nodes().wait(BootClock::now() + milliseconds{300}, {}, events);
    rusage after{};
    getrusage(RUSAGE_THREAD, &after);
    CHECK(eventually([&] {  // the server may take longer to close it
      node.nodes().wait(BootClock::now(), {}, events);
      return node.nodes().recovering(0);
    }));
    CHECK(events.empty());
    CHECK(after.ru_nvcsw - before.ru_nvcsw < 20);
    CHECK(after.ru_utime.tv_sec * 1'000'000 + after.ru_utime.tv_usec -
              (before.ru_utime.tv_sec * 1'000'000 + before.ru_utime.tv_usec) <
          150'000);
    CHECK(reply_as<Granted>(node.ask(acquire("t"))) != nullptr);
    CHECK(!node.nodes().recovering(0));
    CHECK(server.connections() == 2);
    CHECK(node.identities().size() == 2);
  }

  TEST_CASE("a connection that ends before the answer fails what waits for it") {
    FakeServer server{[](int fd, int) {
      CommandReader commands{fd};
      for (int nth = 0; nth < 4; ++nth) commands.next();
    }};
    Conversation node{server.endpoint()};
    node.send(acquire("t"));
    node.send(quorum::ReleaseRequest{{"t"}});
    for (quorum::RequestId id = 1; id <= 2; ++id) {
      const auto event = node.outcome();
      REQUIRE(event.has_value());
      CHECK(event->id == id);
      REQUIRE(failure_of(*event) != nullptr);
      CHECK(failure_of(*event)->kind == Kind::Disconnected);
    }
  }

  TEST_CASE("what cannot be written yet can be called off, and what was written cannot") {
    FakeServer server{answer_with(std::string{kGrant})};
    Conversation node{server.endpoint()};
    node.send(acquire("t"));
    CHECK(node.nodes().written(0));
    node.nodes().cancel_unsent(0);
    CHECK(node.nodes().may_hold_key(0));
    const auto event = node.outcome();
    REQUIRE(event.has_value());
    CHECK(reply_as<Granted>(*event) != nullptr);

    const TempDir dir;
    const auto address = net::unix_address(dir.file("s"));
    const UniqueFd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::bind(listener.get(), address->get(), address->length) == 0);
    REQUIRE(::listen(listener.get(), 0) == 0);
    const UniqueFd filling{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::connect(filling.get(), address->get(), address->length) == 0);
    redis::NodeEndpoint endpoint;
    endpoint.transport = redis::NodeEndpoint::Transport::Unix;
    endpoint.path = dir.file("s");
    Conversation stuck{endpoint};
    stuck.send(acquire("t"));
    CHECK(!stuck.nodes().written(0));
    stuck.nodes().cancel_unsent(0);
    CHECK(!stuck.nodes().may_hold_key(0));
    const auto cancelled = stuck.outcome();
    REQUIRE(cancelled.has_value());
    CHECK(stuck.nodes().written(0));
    REQUIRE(failure_of(*cancelled) != nullptr);
    CHECK(failure_of(*cancelled)->kind == Kind::Cancelled);
  }

  TEST_CASE("a node may hold the key from the first request that may set it to the answer to a release") {
    FakeServer server{[](int fd, int nth) {
      CommandReader commands{fd};
      for (int n = 1; auto words = commands.next(); ++n) {
        if (n == 2) write_all(fd, healthy_greeting());
        if (n > 2 && nth == 1) return;  // the request may have been carried out before that
        if (n > 2) write_all(fd, words->size() == 6 ? kRelease : kGrant);
      }
    }};
    Conversation node{server.endpoint()};
    CHECK(!node.nodes().may_hold_key(0));
    CHECK(failure_of(node.ask(acquire("t"))) != nullptr);
    CHECK(node.nodes().may_hold_key(0));
    CHECK(reply_as<Released>(node.ask(quorum::ReleaseRequest{{"t"}})) != nullptr);
    CHECK(!node.nodes().may_hold_key(0));
    node.send(quorum::ReleaseRequest{{"t"}});
    node.send(acquire("u"));
    CHECK(node.outcome().has_value());
    CHECK(node.outcome().has_value());
    CHECK(node.nodes().may_hold_key(0));
    CHECK(reply_as<Released>(node.ask(quorum::ReleaseRequest{{"u"}})) != nullptr);
    CHECK(!node.nodes().may_hold_key(0));
  }

  TEST_CASE(
      "a node may go on holding the key when only an earlier token's release is answered, on a new "
      "connection") {
    FakeServer server{[](int fd, int nth) {
      CommandReader commands{fd};
      for (int n = 1; auto words = commands.next(); ++n) {
        if (n == 2) write_all(fd, healthy_greeting());
        if (n > 3 && nth == 1) return;
        if (n > 2) write_all(fd, words->size() == 6 ? kRelease : kGrant);
      }
    }};
    Conversation node{server.endpoint()};
    CHECK(reply_as<Granted>(node.ask(acquire("u"))) != nullptr);
    CHECK(failure_of(node.ask(quorum::ReleaseRequest{{"t"}})) != nullptr);
    CHECK(reply_as<Released>(node.ask(quorum::ReleaseRequest{{"t"}})) != nullptr);
    CHECK(node.nodes().may_hold_key(0));
    CHECK(reply_as<Released>(node.ask(quorum::ReleaseRequest{{"u"}})) != nullptr);
    CHECK(!node.nodes().may_hold_key(0));
  }

  TEST_CASE("a request that is overdue when it is sent is not sent") {
    FakeServer server{answer_with(std::string{kGrant})};
    Conversation node{server.endpoint()};
    const auto event = node.ask(acquire("t"), milliseconds{-1});
    REQUIRE(failure_of(event) != nullptr);
    CHECK(failure_of(event)->kind == Kind::TimedOut);
    CHECK(server.connections() == 0);
  }

  TEST_CASE("a wake-up descriptor and the time end a wait") {
    FakeServer server{answer_with(std::string{kGrant})};
    Conversation node{server.endpoint()};
    std::vector<redis::Event> events;
    const UniqueFd wake{eventfd(1, EFD_CLOEXEC)};
    const std::array wakes{wake.get()};
    node.nodes().wait(TimePoint::max(), wakes, events);
    const TimePoint soon = BootClock::now() + milliseconds{30};
    node.nodes().wait(soon, {}, events);
    CHECK(BootClock::now() >= soon);
    const TimePoint later = BootClock::now() + milliseconds{1050};  // by the timer for long waits
    node.nodes().wait(later, {}, events);
    CHECK(BootClock::now() >= later);
    node.nodes().wait(TimePoint{}, {}, events);
    CHECK(events.empty());
  }
}

#pragma once

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "redis/nodes.hpp"
#include "redis/wire.hpp"

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// Servers to test against: a real redis-server, and one that says whatever a test wants.
namespace redlock::test {

// No test waits longer than this for anything; a machine under load may need much of it.
inline constexpr std::chrono::seconds kPatience{20};

// Calls `condition` until it is true; false after kPatience.
bool eventually(const std::function<bool()>& condition);

// A directory below the system's temporary one; gone with the object.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  std::string file(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// A blocking connection for a test's own questions.
class Client {
 public:
  explicit Client(const std::string& socket_path);  // throws when nobody listens
  redis::Value ask(std::initializer_list<std::string_view> words);
  redis::Value read();  // what the server says next
  // The answer as text: the string, the integer in digits, "(nil)", or the error behind "-".
  std::string tell(std::initializer_list<std::string_view> words);

 private:
  UniqueFd socket_;
  redis::ReplyReader reader_;
};

// The program that REDLOCK_TEST_SERVER names, or else redis-server.
const std::string& server_program();
// Whether it is of this version of Redis, or a later one, or derived from such.
bool server_is_at_least(unsigned major, unsigned minor);

// A redis-server without persistence, on a unix socket and a loopback port.
class RedisServer {
 public:
  // Nothing when redis-server is not on PATH; says so once.
  static std::unique_ptr<RedisServer> start(std::vector<std::string> options = {});
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer();

  redis::NodeEndpoint unix_endpoint() const;
  redis::NodeEndpoint tcp_endpoint() const;
  Client client() const { return Client{socket_}; }
  void freeze() const;  // SIGSTOP
  void thaw() const;
  void stop();     // waits for its end
  void restart();  // on the same socket and port, empty

 private:
  explicit RedisServer(std::vector<std::string> options);
  void spawn();

  TempDir dir_;
  std::string socket_;
  std::uint16_t port_ = 0;
  std::vector<std::string> options_;
  pid_t pid_ = -1;
};

// Listens on a loopback port and hands each connection to `serve` in a thread of its own. Ends with the
// object: `serve` must return when its peer has gone.
class FakeServer {
 public:
  using Serve = std::function<void(int fd, int nth)>;  // nth connection, from 1
  explicit FakeServer(Serve serve);
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer();

  redis::NodeEndpoint endpoint() const;
  int connections() const { return connections_; }

 private:
  void accept_all();

  Serve serve_;
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  UniqueFd ended_;
  std::atomic<int> connections_ = 0;
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

// For `serve`: the next command (each argument a word; nothing at the end of the connection), and all of
// `bytes`.
class CommandReader {
 public:
  explicit CommandReader(int fd) : fd_{fd} {}
  std::optional<std::vector<std::string>> next();

 private:
  int fd_;
  redis::ReplyReader reader_;
};
void write_all(int fd, std::string_view bytes);
void write_slowly(int fd, std::string_view bytes);  // a byte at a time
void wait_for_end(int fd);                          // reads until the peer has gone

// What a healthy node says to INFO server and ROLE.
std::string healthy_greeting();
// Answers the greeting as a healthy node does, then each further command with `answer`.
FakeServer::Serve answer_with(std::string answer);

// The clocks, the network and the random numbers of this machine.
net::Surroundings surroundings();

// One node, and its events one by one.
class Conversation {
 public:
  explicit Conversation(redis::NodeEndpoint endpoint, std::string key = "k",
                        Duration node_timeout = kPatience);
  explicit Conversation(std::vector<redis::NodeEndpoint> endpoints, std::string key = "k",
                        Duration node_timeout = kPatience);
  // With a lock of several names.
  Conversation(redis::NodeEndpoint endpoint, std::vector<std::string> keys);
  // Or slots.
  Conversation(redis::NodeEndpoint endpoint, std::string key, std::size_t slots);

  redis::Nodes& nodes() { return *nodes_; }
  // Sends and returns the id.
  quorum::RequestId send(quorum::Request request, std::chrono::milliseconds allowance = kPatience,
                         quorum::NodeIndex node = 0);
  // The next outcome that is no identity; nothing after kPatience.
  std::optional<redis::Event> outcome();
  // Sends, and takes the outcome of just that.
  redis::Event ask(quorum::Request request, std::chrono::milliseconds allowance = kPatience);
  const std::vector<quorum::Identity>& identities() const { return identities_; }

 private:
  std::unique_ptr<redis::Nodes> nodes_;
  std::vector<redis::Event> events_;
  std::vector<quorum::Identity> identities_;
  quorum::RequestId last_ = 0;
};

// A server that tests share, emptied for each. Leave it running, and configured as it was.
struct ServerBench {
  ServerBench();

  RedisServer* server = nullptr;  // none: there is no redis-server on PATH
  std::optional<Client> client;
  std::optional<Conversation> node;
};

quorum::AcquireRequest acquire(std::string token, std::chrono::milliseconds ttl = std::chrono::seconds{30},
                               quorum::Fence proposal = 1000);

// The reply that an event is, if it is of this type; or the failure that it is.
template <class What>
const What* reply_as(const redis::Event& event) {
  const auto* reply = std::get_if<quorum::Reply>(&event.what);
  return reply != nullptr ? std::get_if<What>(reply) : nullptr;
}
const quorum::Failure* failure_of(const redis::Event& event);

}  // namespace redlock::test

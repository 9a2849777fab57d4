#include "redis_support.hpp"

#include "net/address.hpp"
#include "net/system_network.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace redlock::test {
namespace {

constexpr std::chrono::milliseconds kTick{2};

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error{std::string{what} + ": " + std::strerror(errno)};
}

UniqueFd loopback_socket(std::uint16_t& port) {
  UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  require(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0, "bind");
  require(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  port = ntohs(address.sin_port);
  return socket;
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const TimePoint limit = BootClock::now() + kPatience;
  while (!condition()) {
    if (BootClock::now() > limit) return false;
    std::this_thread::sleep_for(kTick);
  }
  return true;
}

TempDir::TempDir() {
  std::string name = std::filesystem::temp_directory_path() / "redlock-test-XXXXXX";
  require(mkdtemp(name.data()) != nullptr, "mkdtemp");
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

// ---- Client --------------------------------------------------------------------------------------

Client::Client(const std::string& socket_path) : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  const auto address = net::unix_address(socket_path);
  if (!address) throw std::runtime_error{"a path too long for a socket"};
  require(::connect(socket_.get(), address->get(), address->length) == 0, "connect");
}

redis::Value Client::ask(std::initializer_list<std::string_view> words) {
  write_all(socket_.get(), redis::format_command({words.begin(), words.size()}).reveal());
  return read();
}

redis::Value Client::read() {
  for (;;) {
    auto next = reader_.next();
    if (auto* value = std::get_if<redis::Value>(&next)) return std::move(*value);
    char bytes[4096];
    const ssize_t count = ::read(socket_.get(), bytes, sizeof bytes);
    require(count > 0, "the server has gone");
    reader_.feed({bytes, static_cast<std::size_t>(count)});
  }
}

std::string Client::tell(std::initializer_list<std::string_view> words) {
  const redis::Value value = ask(words);
  switch (value.type) {
    case redis::Value::Type::Nil: return "(nil)";
    case redis::Value::Type::Integer: return std::to_string(value.integer);
    case redis::Value::Type::Error: return "-" + value.text;
    default: return value.text;
  }
}

// ---- RedisServer ---------------------------------------------------------------------------------

const std::string& server_program() {
  static const std::string program = [] {
    const char* const named = std::getenv("REDLOCK_TEST_SERVER");
    return std::string{named != nullptr && *named != '\0' ? named : "redis-server"};
  }();
  return program;
}

bool server_is_at_least(unsigned major, unsigned minor) {
  static const std::pair<unsigned, unsigned> version = [] {
    std::pair<unsigned, unsigned> numbers{};
    FILE* const said = popen((server_program() + " --version").c_str(), "r");
    char line[256] = "";
    if (said == nullptr || std::fgets(line, sizeof line, said) == nullptr) line[0] = '\0';
    if (said != nullptr) pclose(said);
    const char* const at = std::strstr(line, " v=");
    if (at != nullptr) std::sscanf(at, " v=%u.%u", &numbers.first, &numbers.second);
    return numbers;
  }();
  return version >= std::pair{major, minor};
}

std::unique_ptr<RedisServer> RedisServer::start(std::vector<std::string> options) {
  static const bool there =
      std::system(("command -v '" + server_program() + "' >/dev/null 2>&1").c_str()) == 0;
  if (!there) {
    MESSAGE("skipped: there is no " << server_program());
    return nullptr;
  }
  return std::unique_ptr<RedisServer>{new RedisServer{std::move(options)}};
}

RedisServer::RedisServer(std::vector<std::string> options)
    : socket_{dir_.file("redis.sock")}, options_{std::move(options)} {
  spawn();
}

// The port is free when it is picked; should another process be faster, the server ends and the next port is
// tried.
void RedisServer::spawn() {
  const bool again = port_ != 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (!again) loopback_socket(port_).reset();
    std::vector<std::string> words{
        server_program(), "--port",    std::to_string(port_), "--bind", "127.0.0.1",
        "--save",         "",          "--appendonly",        "no",     "--unixsocket",
        socket_,          "--logfile", dir_.file("log"),      "--dir",  dir_.file("")};
    words.insert(words.end(), options_.begin(), options_.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    require(posix_spawnp(&pid_, argv[0], nullptr, nullptr, argv.data(), environ) == 0, argv[0]);
    const bool up = eventually([&] {
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return true;
      }
      try {
        return client().ask({"PING"}).type != redis::Value::Type::Nil;
      } catch (const std::exception&) {
        return false;
      }
    });
    if (up && pid_ > 0) return;
    stop();
  }
  throw std::runtime_error{"redis-server does not start"};
}

RedisServer::~RedisServer() {
  stop();
}

void RedisServer::freeze() const {
  kill(pid_, SIGSTOP);
}
void RedisServer::thaw() const {
  kill(pid_, SIGCONT);
}

void RedisServer::stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::restart() {
  stop();
  spawn();
}

redis::NodeEndpoint RedisServer::unix_endpoint() const {
  redis::NodeEndpoint endpoint;
  endpoint.transport = redis::NodeEndpoint::Transport::Unix;
  endpoint.path = socket_;
  return endpoint;
}

redis::NodeEndpoint RedisServer::tcp_endpoint() const {
  redis::NodeEndpoint endpoint;
  endpoint.port = port_;
  return endpoint;
}

// ---- FakeServer ----------------------------------------------------------------------------------

FakeServer::FakeServer(Serve serve)
    : serve_{std::move(serve)}, listener_{loopback_socket(port_)}, ended_{eventfd(0, EFD_CLOEXEC)} {
  require(::listen(listener_.get(), 64) == 0, "listen");
  accepting_ = std::thread{[this] { accept_all(); }};
}

FakeServer::~FakeServer() {
  eventfd_write(ended_.get(), 1);
  accepting_.join();
  for (std::thread& thread : serving_) thread.join();
}

void FakeServer::accept_all() {
  for (;;) {
    pollfd fds[] = {{listener_.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return;
    UniqueFd connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    const int nth = ++connections_;
    serving_.emplace_back([this, nth, fd = connection.release()] {
      const UniqueFd owned{fd};
      serve_(owned.get(), nth);
    });
  }
}

redis::NodeEndpoint FakeServer::endpoint() const {
  redis::NodeEndpoint endpoint;
  endpoint.port = port_;
  return endpoint;
}

std::optional<std::vector<std::string>> CommandReader::next() {
  for (;;) {
    auto next = reader_.next();
    if (auto* value = std::get_if<redis::Value>(&next)) {
      std::vector<std::string> words;
      for (redis::Value& element : value->elements) words.push_back(std::move(element.text));
      return words;
    }
    char bytes[4096];
    const ssize_t count = ::read(fd_, bytes, sizeof bytes);
    if (count <= 0) return std::nullopt;
    reader_.feed({bytes, static_cast<std::size_t>(count)});
  }
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void write_slowly(int fd, std::string_view bytes) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (const char& byte : bytes) {
    write_all(fd, {&byte, 1});
    std::this_thread::sleep_for(std::chrono::microseconds{200});
  }
}

void wait_for_end(int fd) {
  char bytes[4096];
  while (::read(fd, bytes, sizeof bytes) > 0) {
  }
}

std::string healthy_greeting() {
  const std::string info =
      "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:"
      "0123456789abcdef0123456789abcdef01234567\r\nuptime_in_seconds:4711\r\n";
  return "$" + std::to_string(info.size()) + "\r\n" + info + "\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
}

FakeServer::Serve answer_with(std::string answer) {
  return [answer = std::move(answer)](int fd, int) {
    CommandReader commands{fd};
    for (int nth = 1; auto words = commands.next(); ++nth) {
      if (nth == 2) write_all(fd, healthy_greeting());
      if (nth > 2) write_all(fd, answer);
    }
  };
}

// ---- Conversation --------------------------------------------------------------------------------

net::Surroundings surroundings() {
  static SystemClock clock;
  static SystemEntropy entropy;
  static net::SystemNetwork network;
  return {.clock = clock, .entropy = entropy, .network = network};
}

Conversation::Conversation(redis::NodeEndpoint endpoint, std::string key, Duration node_timeout)
    : Conversation{std::vector<redis::NodeEndpoint>{std::move(endpoint)}, std::move(key), node_timeout} {
}

Conversation::Conversation(std::vector<redis::NodeEndpoint> endpoints, std::string key, Duration node_timeout)
    : nodes_{std::make_unique<redis::Nodes>(
          std::move(endpoints),
          redis::LockSubject{
              .keys = {std::move(key)},
              .holder = {.host = "h", .user = "u", .command = "c d", .pid = 42, .since_us = 7, .note = "n"}},
          surroundings(), node_timeout)} {
}

Conversation::Conversation(redis::NodeEndpoint endpoint, std::vector<std::string> keys)
    : nodes_{std::make_unique<redis::Nodes>(std::vector<redis::NodeEndpoint>{std::move(endpoint)},
                                            redis::LockSubject{.keys = keys,
                                                               .holder = {.host = "h",
                                                                          .user = "u",
                                                                          .command = "c d",
                                                                          .pid = 42,
                                                                          .since_us = 7,
                                                                          .names = keys,
                                                                          .note = "n"}},
                                            surroundings(), kPatience)} {
}

Conversation::Conversation(redis::NodeEndpoint endpoint, std::string key, std::size_t slots)
    : nodes_{std::make_unique<redis::Nodes>(
          std::vector<redis::NodeEndpoint>{std::move(endpoint)},
          redis::LockSubject{
              .keys = {std::move(key)},
              .holder = {.host = "h", .user = "u", .command = "c d", .pid = 42, .since_us = 7, .note = "n"},
              .slots = slots},
          surroundings(), kPatience)} {
}

quorum::RequestId Conversation::send(quorum::Request request, std::chrono::milliseconds allowance,
                                     quorum::NodeIndex node) {
  nodes_->send(
      {.node = node, .id = ++last_, .request = std::move(request), .deadline = BootClock::now() + allowance});
  return last_;
}

std::optional<redis::Event> Conversation::outcome() {
  const TimePoint limit = BootClock::now() + 2 * kPatience;
  for (;;) {
    while (!events_.empty()) {
      redis::Event event = std::move(events_.front());
      events_.erase(events_.begin());
      if (auto* identity = std::get_if<quorum::Identity>(&event.what)) {
        identities_.push_back(std::move(*identity));
        continue;
      }
      return event;
    }
    if (BootClock::now() >= limit) return std::nullopt;
    nodes_->wait(limit, {}, events_);
  }
}

redis::Event Conversation::ask(quorum::Request request, std::chrono::milliseconds allowance) {
  const auto id = send(std::move(request), allowance);
  auto event = outcome();
  REQUIRE(event.has_value());
  REQUIRE(event->id == id);
  return std::move(*event);
}

ServerBench::ServerBench() {
  static const std::unique_ptr<RedisServer> shared = RedisServer::start();
  if (!shared) return;
  server = shared.get();
  client.emplace(server->client());
  client->ask({"FLUSHALL"});
  node.emplace(server->unix_endpoint());
}

quorum::AcquireRequest acquire(std::string token, std::chrono::milliseconds ttl, quorum::Fence proposal) {
  return {.token = {std::move(token)}, .ttl = ttl, .proposal = proposal};
}

const quorum::Failure* failure_of(const redis::Event& event) {
  return std::get_if<quorum::Failure>(&event.what);
}

}  // namespace redlock::test

#include "sandbox/servers.hpp"

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "redis/nodes.hpp"

#include <fmt/format.h>

#include <poll.h>

#include <chrono>
#include <fstream>
#include <memory>

namespace redlock::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 20s;  // a loaded machine; a server is up within 10 ms otherwise
constexpr Duration kRetry = 2ms;
constexpr int kPortTries = 5;  // somebody else may take a port between our look and the server's

std::string last_line(const std::string& file) {
  std::ifstream in{file};
  std::string line;
  std::string last;
  while (std::getline(in, line)) {
    if (!line.empty()) last = line;
  }
  return printable(last, 200);
}

// Asks with a script of ours, on a key that nobody has: what answers is fit for locks.
class Probe {
 public:
  explicit Probe(const redis::Endpoint& endpoint)
      : nodes_{{endpoint}, redis::LockSubject{.key = "redlock.sandbox", .holder = {}}} {}

  bool answers(std::span<const int> wake_fds) {
    const TimePoint until = BootClock::now() + 1s;
    nodes_.send(
        {.node = 0, .id = ++id_, .request = quorum::Release{quorum::Token{"none"}}, .deadline = until});
    for (;;) {
      std::vector<redis::Event> events;
      nodes_.wait(until, wake_fds, events);
      for (const redis::Event& event : events) {
        if (event.id == id_) return std::holds_alternative<quorum::Reply>(event.what);
      }
      if (events.empty()) return false;
    }
  }

 private:
  redis::Nodes nodes_;
  quorum::RequestId id_ = 0;
};

bool woken(std::span<const int> wake_fds, Duration within) {
  std::vector<pollfd> wanted;
  for (const int fd : wake_fds) wanted.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(within).count();
  return ::poll(wanted.data(), wanted.size(), static_cast<int>(timeout)) > 0;
}

}  // namespace

Servers::Servers(unsigned count, bool unix_sockets, std::span<const int> wake_fds,
                 const std::function<bool()>& interrupted) {
  const std::string executable = find_redis_server();
  servers_.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    const std::string stem = fmt::format("{}/{}", directory_.path(), i + 1);
    servers_.emplace_back(
        executable, unix_sockets ? Server::unix_socket(stem + ".sock") : Server::free_port(), stem + ".log");
  }
  ready_ = wait_until_all_answer(executable, wake_fds, interrupted);
}

bool Servers::wait_until_all_answer(const std::string& executable, std::span<const int> wake_fds,
                                    const std::function<bool()>& interrupted) {
  const TimePoint until = BootClock::now() + kPatience;
  for (Server& server : servers_) {
    auto probe = std::make_unique<Probe>(server.endpoint());
    int tries = 0;
    while (!probe->answers(wake_fds)) {
      if (woken(wake_fds, kRetry) && interrupted()) return false;
      if (!server.alive()) {
        const bool tcp = server.endpoint().transport == redis::Endpoint::Transport::Tcp;
        if (!tcp || ++tries >= kPortTries) {
          throw Error{exit_status::kSystem,
                      fmt::format("redis-server does not start: {}", last_line(server.log()))};
        }
        server = Server{executable, Server::free_port(), std::string{server.log()}};
        probe = std::make_unique<Probe>(server.endpoint());
      }
      if (BootClock::now() > until) {
        throw Error{exit_status::kSystem,
                    fmt::format("redis-server does not answer: {}", last_line(server.log()))};
      }
    }
  }
  return true;
}

std::string Servers::urls() const {
  std::string text;
  for (const Server& server : servers_) {
    if (!text.empty()) text += ' ';
    const redis::Endpoint& endpoint = server.endpoint();
    text += endpoint.transport == redis::Endpoint::Transport::Unix
                ? "unix://" + endpoint.path
                : fmt::format("redis://{}:{}", endpoint.host, endpoint.port);
  }
  return text;
}

std::string Servers::pids() const {
  std::string text;
  for (const Server& server : servers_) text += fmt::format("{}{}", text.empty() ? "" : " ", server.pid());
  return text;
}

}  // namespace redlock::sandbox

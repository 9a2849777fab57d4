#include "sandbox/servers.hpp"

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "net/tls_context.hpp"
#include "redis/nodes.hpp"
#include "redis/rights.hpp"
#include "sandbox/authority.hpp"
#include "sandbox/private_file.hpp"

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
constexpr const char* kUser = "redlock";
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
  Probe(const redis::NodeEndpoint& endpoint, const net::Surroundings& surroundings)
      : clock_{surroundings.clock},
        nodes_{{endpoint}, redis::LockSubject{.key = "redlock.sandbox", .holder = {}}, surroundings} {}

  bool answers(std::span<const int> wake_fds) {
    const TimePoint until = clock_.boot_now() + 1s;
    nodes_.send({.node = 0,
                 .id = ++id_,
                 .request = quorum::ReleaseRequest{quorum::Token{"none"}},
                 .deadline = until});
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
  Clock& clock_;
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

Servers::Servers(const Options& options, const net::Surroundings& surroundings, std::span<const int> wake_fds,
                 const std::function<bool()>& interrupted)
    : surroundings_{surroundings} {
  const std::string executable = find_redis_server();
  if (options.tls) set_up_tls();
  if (options.acl) set_up_acl();
  write_config();
  servers_.reserve(options.count);
  for (unsigned i = 1; i <= options.count; ++i) {
    const std::string stem = fmt::format("{}/{}", directory_.path(), i);
    servers_.emplace_back(
        executable, arguments_,
        secured(options.unix_sockets ? Server::unix_socket(stem + ".sock") : Server::free_port()),
        stem + ".log");
  }
  ready_ = wait_until_all_answer(executable, wake_fds, interrupted);
}

void Servers::set_up_tls() {
  const Authority authority = make_authority(directory_.path());
  arguments_.insert(arguments_.end(),
                    {"--tls-cert-file", authority.cert_file, "--tls-key-file", authority.key_file,
                     "--tls-ca-cert-file", authority.ca_file, "--tls-auth-clients", "no"});
  auto made = net::TlsContext::make({.ca_file = authority.ca_file});
  if (const auto* problem = std::get_if<net::TlsProblem>(&made))
    throw Error{exit_status::kSystem, problem->text};
  tls_ = std::get<std::shared_ptr<const net::TlsContext>>(std::move(made));
}

// The password goes to the servers and to the command by files only: anybody can see arguments, and a command's
// environment is inherited by all that it starts.
void Servers::set_up_acl() {
  const std::string password = random_hex_token(surroundings_.entropy);
  const std::string users = directory_.path() + "/users.acl";
  write_private_file(
      users, fmt::format("user default off\nuser {} on >{} ~* {}\n", kUser, password, redis::kRights));
  write_private_file(directory_.path() + "/password", password + "\n");
  arguments_.insert(arguments_.end(), {"--aclfile", users});
  password_ = Secret{std::string{password}};
}

// Paths in it are relative to it.
void Servers::write_config() {
  std::string text = "[defaults]\n";
  if (tls_) text += "ca_file = \"ca.pem\"\n";
  if (!password_.empty()) text += fmt::format("username = \"{}\"\npassword_file = \"password\"\n", kUser);
  write_private_file(config_file(), text);
}

redis::NodeEndpoint Servers::secured(redis::NodeEndpoint endpoint) const {
  if (tls_) endpoint.transport = redis::NodeEndpoint::Transport::Tls;
  endpoint.tls = tls_;
  if (!password_.empty()) endpoint.username = kUser;
  endpoint.password = password_;
  return endpoint;
}

bool Servers::wait_until_all_answer(const std::string& executable, std::span<const int> wake_fds,
                                    const std::function<bool()>& interrupted) {
  const TimePoint until = surroundings_.clock.boot_now() + kPatience;
  for (Server& server : servers_) {
    auto probe = std::make_unique<Probe>(server.endpoint(), surroundings_);
    int tries = 0;
    while (!probe->answers(wake_fds)) {
      if (woken(wake_fds, kRetry) && interrupted()) return false;
      if (!server.alive()) {
        const bool has_port = server.endpoint().transport != redis::NodeEndpoint::Transport::Unix;
        if (!has_port || ++tries >= kPortTries) {
          throw Error{exit_status::kSystem,
                      fmt::format("redis-server does not start: {}", last_line(server.log()))};
        }
        server = Server{executable, arguments_, secured(Server::free_port()), std::string{server.log()}};
        probe = std::make_unique<Probe>(server.endpoint(), surroundings_);
      }
      if (surroundings_.clock.boot_now() > until) {
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
    const redis::NodeEndpoint& endpoint = server.endpoint();
    text += endpoint.transport == redis::NodeEndpoint::Transport::Unix
                ? "unix://" + endpoint.path
                : fmt::format("{}://{}:{}", tls_ ? "rediss" : "redis", endpoint.host, endpoint.port);
  }
  return text;
}

std::string Servers::pids() const {
  std::string text;
  for (const Server& server : servers_) text += fmt::format("{}{}", text.empty() ? "" : " ", server.pid());
  return text;
}

}  // namespace redlock::sandbox

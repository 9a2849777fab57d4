#include "sandbox/servers.hpp"

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "net/tls_context.hpp"
#include "redis/node_error.hpp"
#include "redis/nodes.hpp"
#include "redis/rights.hpp"
#include "sandbox/authority.hpp"
#include "sandbox/private_file.hpp"
#include "sandbox/server_program.hpp"

#include <fmt/format.h>

#include <poll.h>

#include <algorithm>
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

// For the path of a unix:// URL, in a list that blanks and commas separate.
std::string percent_encoded(std::string_view path) {
  constexpr std::string_view safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string encoded;
  for (const char byte : path) {
    if (safe.find(byte) != std::string_view::npos) {
      encoded += byte;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
    }
  }
  return encoded;
}

// Asks with a script of ours, on a key that nobody has: what answers is fit for locks.
class ReadinessCheck {
 public:
  ReadinessCheck(const redis::NodeEndpoint& endpoint, const net::Surroundings& surroundings)
      : endpoint_{endpoint},
        clock_{surroundings.clock},
        nodes_{{endpoint}, redis::LockSubject{.keys = {"redlock.sandbox"}, .holder = {}}, surroundings} {}

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
        if (event.id != id_) continue;
        if (const auto* failure = std::get_if<quorum::Failure>(&event.what)) failure_ = *failure;
        return std::holds_alternative<quorum::Reply>(event.what);
      }
      if (events.empty()) return false;
    }
  }

  // Why it has not answered yet.
  std::string why() const { return redis::describe(failure_, endpoint_); }

  // Whether waiting is in vain: there is no way to its address. A socket is there a moment after the start.
  bool has_no_way() const {
    return failure_.kind == redis::NodeError::Unreachable &&
           endpoint_.transport != redis::NodeEndpoint::Transport::Unix;
  }

 private:
  redis::NodeEndpoint endpoint_;
  quorum::Failure failure_ = redis::node_failure(redis::NodeError::TimedOut);
  Clock& clock_;
  redis::Nodes nodes_;
  quorum::RequestId id_ = 0;
};

std::string without_channels(std::string_view rights) {
  std::string others;
  for (std::size_t begin = 0; begin < rights.size();) {
    const std::size_t end = std::min(rights.find(' ', begin), rights.size());
    if (rights[begin] != '&') (others += rights.substr(begin, end - begin)) += ' ';
    begin = end + 1;
  }
  return others;
}

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
  const std::string executable = find_server_program();
  if (options.tls) set_up_tls();
  if (options.acl) set_up_acl(knows_channel_rights(executable));
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
void Servers::set_up_acl(bool with_channels) {
  const std::string password = random_hex_token(surroundings_.entropy);
  const std::string users = directory_.path() + "/users.acl";
  write_private_file(users, fmt::format("user default off\nuser {} on >{} ~* {}\n", kUser, password,
                                        with_channels ? fmt::format("resetchannels {}", redis::kRights)
                                                      : without_channels(redis::kRights)));
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
    auto probe = std::make_unique<ReadinessCheck>(server.endpoint(), surroundings_);
    int tries = 0;
    while (!probe->answers(wake_fds)) {
      if (woken(wake_fds, kRetry) && interrupted()) return false;
      if (!server.alive()) {
        const bool has_port = server.endpoint().transport != redis::NodeEndpoint::Transport::Unix;
        if (!has_port || ++tries >= kPortTries) {
          throw Error{exit_status::kSystem,
                      fmt::format("{} does not start: {}", executable, last_line(server.log()))};
        }
        server = Server{executable, arguments_, secured(Server::free_port()), std::string{server.log()}};
        probe = std::make_unique<ReadinessCheck>(server.endpoint(), surroundings_);
      }
      if (probe->has_no_way()) {
        throw Error{exit_status::kSystem,
                    fmt::format("{} at {} {}: is the loopback interface up (in a new network namespace: ip "
                                "link set lo up)? --unix does without",
                                executable, server.endpoint().host, probe->why())};
      }
      if (surroundings_.clock.boot_now() > until) {
        throw Error{exit_status::kSystem, fmt::format("{} does not answer: {}; the end of its log: {}",
                                                      executable, probe->why(), last_line(server.log()))};
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
                ? "unix://" + percent_encoded(endpoint.path)
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

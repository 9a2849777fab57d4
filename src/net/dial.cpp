#include "net/dial.hpp"

#include "net/address.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <optional>
#include <vector>

namespace redlock::net {
namespace {

constexpr int kKeepaliveIdle = 30;      // seconds
constexpr int kKeepaliveInterval = 10;  // seconds
constexpr int kKeepaliveProbes = 3;

}  // namespace

std::variant<Lookup, Connector, ConnectionFailure> begin_dial(const Endpoint& endpoint) {
  const bool unix_socket = endpoint.transport == Endpoint::Transport::Unix;
  const std::optional<Address> address =
      unix_socket ? unix_address(endpoint.path) : numeric_address(endpoint.host, endpoint.port);
  if (address) return Connector{std::vector<Address>{*address}, Duration::zero()};
  if (!unix_socket) return Lookup{endpoint.host, endpoint.port};
  return ConnectionFailure{.kind = ConnectionFailure::Kind::Unreachable,
                           .detail = "no path of a socket is that long"};
}

void keep_alive(const Endpoint& endpoint, int fd) noexcept {
  if (endpoint.transport == Endpoint::Transport::Unix) return;
  const auto set = [fd](int level, int option, int value) {
    setsockopt(fd, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdle);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveInterval);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

}  // namespace redlock::net

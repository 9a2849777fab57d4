#include "redis/endpoint.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

namespace redlock::redis {

std::string NodeEndpoint::display() const {
  if (transport == Transport::Unix) {
    const std::string socket = printable(path);
    return db == 0 ? fmt::format("unix://{}", socket) : fmt::format("unix://{}?db={}", socket, db);
  }
  const bool ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}/{}", transport == Transport::Tls ? "rediss" : "redis", ipv6 ? "[" : "",
                     printable(host), ipv6 ? "]" : "", port, db);
}

}  // namespace redlock::redis

#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace redlock::net {

class TlsContext;

// The place of a server, and the way to reach it.
struct Endpoint {
  enum class Transport { Tcp, Tls, Unix };

  Transport transport = Transport::Tcp;
  std::string host = "127.0.0.1";         // Tcp, Tls: name or numeric address, IPv6 without brackets
  std::uint16_t port = 6379;              // Tcp, Tls
  std::string path;                       // Unix: the socket
  std::shared_ptr<const TlsContext> tls;  // Tls: shared by the servers that have the same settings
  std::string server_name;                // Tls: the name that its certificate must have; empty: host
};

}  // namespace redlock::net

#pragma once

#include "base/secret.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace redlock::redis {

class TlsContext;

// Where a node is and how to talk to it. Filled by config/; everything in it has been validated there.
struct Endpoint {
  enum class Transport { Tcp, Tls, Unix };

  Transport transport = Transport::Tcp;
  std::string host = "127.0.0.1";  // Tcp, Tls: name or numeric address, IPv6 without brackets
  std::uint16_t port = 6379;       // Tcp, Tls
  std::string path;                // Unix: the socket
  unsigned db = 0;
  std::string username;                   // empty: AUTH with the password alone
  Secret password;                        // empty: no AUTH
  std::shared_ptr<const TlsContext> tls;  // Tls: shared by the nodes that have the same settings
  std::string server_name;                // Tls: whom its certificate must be for; empty: host

  // The URL without user and password, as messages show it: "redis://10.0.0.1:6379/0".
  std::string display() const;
};

}  // namespace redlock::redis

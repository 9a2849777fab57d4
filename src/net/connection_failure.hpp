#pragma once

#include <string>

namespace redlock::net {

// Why there is no connection, or no longer.
struct ConnectionFailure {
  enum class Kind {
    Unresolved,   // the host name leads nowhere
    Refused,      // connection refused
    Unreachable,  // network or host unreachable, no such socket, permission
    TlsFailed,    // handshake or certificate: no byte of a request was sent
    Disconnected  // the connection ended later: what was written may have arrived
  };
  Kind kind;
  std::string detail{};  // for a person, escaped; may be empty
};

}  // namespace redlock::net

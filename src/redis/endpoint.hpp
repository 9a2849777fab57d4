#pragma once

#include "base/secret.hpp"
#include "net/endpoint.hpp"

#include <string>

namespace redlock::redis {

// Where a node is and how to log in to it. Filled by config/; everything in it has been validated there.
struct NodeEndpoint : net::Endpoint {
  unsigned db = 0;
  std::string username;  // empty: AUTH with the password alone
  Secret password;       // empty: no AUTH

  // The URL without user and password, as messages show it: "redis://10.0.0.1:6379/0".
  std::string display() const;
};

}  // namespace redlock::redis

#pragma once

#include "base/secret.hpp"
#include "net/endpoint.hpp"

#include <string>

namespace redlock::redis {

// The place of a node, and how to log in to it. config/ fills and validates it.
struct NodeEndpoint : net::Endpoint {
  unsigned db = 0;
  std::string username;  // empty: AUTH with the password alone
  Secret password;       // empty: no AUTH
  std::string
      password_doubt{};  // where it comes from and why it may be wrong: "file /x ends in a blank"; may be empty

  // The URL without user and password, as messages show it: "redis://10.0.0.1:6379/0".
  std::string display() const;
};

}  // namespace redlock::redis

#pragma once

#include "redis/endpoint.hpp"

#include <string>
#include <string_view>
#include <variant>

namespace redlock::config {

// Why a text is not the URL of a node, and what would be right. Holds nothing of the user, the password, or
// what might be a part of them because a character was not encoded.
struct UrlProblem {
  std::string text;
};

// redis://[user[:password]@]host[:port][/db], rediss://... (Transport::Tls),
// unix://[user:password@]/path[?db=N]. IPv6 in brackets; user, password and socket path percent-encoded.
// Never throws but for memory.
std::variant<redis::NodeEndpoint, UrlProblem> parse_url(std::string_view url);

// "user:password@" as it stands in the URL of a node, a part of `url`; empty where there is none, or no URL.
std::string_view userinfo_of(std::string_view url);

// Whether two URLs lead to the same server, whatever the database and the user.
bool same_server(const redis::NodeEndpoint& a, const redis::NodeEndpoint& b);

}  // namespace redlock::config

#pragma once

#include "redis/endpoint.hpp"

#include <string>
#include <string_view>
#include <variant>

namespace redlock::config {

// Why a text is not the URL of a node, and what would be right. It never contains the user or the password, nor text that
// may belong to them because a character was not encoded.
struct UrlProblem {
  std::string text;
};

// redis://[user[:password]@]host[:port][/db], rediss://... (Transport::Tls), valkey:// and valkeys:// for the same,
// unix://[user:password@]/path[?db=N]. IPv6 in brackets; user, password and socket path percent-encoded.
// Throws nothing but std::bad_alloc.
std::variant<redis::NodeEndpoint, UrlProblem> parse_url(std::string_view url);

// "user:password@" as a part of `url`; empty if there is none, or if `url` is no URL.
std::string_view userinfo_of(std::string_view url);

// Whether two URLs lead to the same server; database and user do not count.
bool same_server(const redis::NodeEndpoint& a, const redis::NodeEndpoint& b);

}  // namespace redlock::config

#include "config/url_scheme.hpp"

#include "config/suggest.hpp"

#include <fmt/format.h>

#include <strings.h>

#include <algorithm>

namespace redlock::config {
namespace {

using redis::NodeEndpoint;

constexpr UrlScheme kSchemes[] = {
    {"redis://", NodeEndpoint::Transport::Tcp},   {"rediss://", NodeEndpoint::Transport::Tls},
    {"unix://", NodeEndpoint::Transport::Unix},   {"valkey://", NodeEndpoint::Transport::Tcp},
    {"valkeys://", NodeEndpoint::Transport::Tls},
};

// Those of other clients, and what to write instead.
struct OtherScheme {
  std::string_view prefix;
  std::string_view advice;
};
constexpr std::string_view kWriteTls = "write rediss:// for TLS";
constexpr std::string_view kWriteUnix = "write unix:///path/to.sock for a socket";
constexpr std::string_view kNoSentinel =
    "a sentinel keeps no keys; name the master itself: redis://HOST:6379";
constexpr std::string_view kNoCluster =
    "the keys of a cluster move; name independent servers: redis://HOST:6379";
constexpr std::string_view kNoWeb = "that is for other servers; write redis://HOST:6379";
constexpr OtherScheme kOtherSchemes[] = {
    {"redis+ssl://", kWriteTls},
    {"redis+tls://", kWriteTls},
    {"redis-ssl://", kWriteTls},
    {"redis-tls://", kWriteTls},
    {"valkey+ssl://", kWriteTls},
    {"valkey+tls://", kWriteTls},
    {"tls://", kWriteTls},
    {"ssl://", kWriteTls},
    {"redis+unix://", kWriteUnix},
    {"redis+socket://", kWriteUnix},
    {"redis-socket://", kWriteUnix},
    {"unix+redis://", kWriteUnix},
    {"valkey+unix://", kWriteUnix},
    {"file://", kWriteUnix},
    {"redis-sentinel://", kNoSentinel},
    {"redis+sentinel://", kNoSentinel},
    {"rediss-sentinel://", kNoSentinel},
    {"rediss+sentinel://", kNoSentinel},
    {"valkey-sentinel://", kNoSentinel},
    {"sentinel://", kNoSentinel},
    {"redis-cluster://", kNoCluster},
    {"redis+cluster://", kNoCluster},
    {"rediss+cluster://", kNoCluster},
    {"valkey-cluster://", kNoCluster},
    {"tcp://", "write redis://"},
    {"http://", kNoWeb},
    {"https://", kNoWeb},
};

bool has_prefix(std::string_view url, std::string_view prefix) {
  return url.size() >= prefix.size() && strncasecmp(url.data(), prefix.data(), prefix.size()) == 0;
}

}  // namespace

const UrlScheme* find_scheme(std::string_view url) {
  for (const UrlScheme& scheme : kSchemes) {
    if (has_prefix(url, scheme.prefix)) return &scheme;
  }
  return nullptr;
}

std::string scheme_problem(std::string_view url) {
  for (const OtherScheme& other : kOtherSchemes) {
    if (has_prefix(url, other.prefix))
      return fmt::format("redlock knows no {}...: {}", other.prefix, other.advice);
  }
  const auto letters = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; });
  };
  constexpr std::string_view hex_and_colons = "0123456789abcdefABCDEF:";
  const std::size_t slashes = url.find("://");
  const std::size_t colon = url.find(':');
  if (url.starts_with('"') || url.starts_with('\''))
    return "the URL begins with a quotation mark, which no shell has taken away: leave it out, also at the "
           "end";
  if (url.starts_with('/')) return "a path is no URL; write unix:// before it, as in unix:///run/redis.sock";
  if (has_prefix(url, "unix:")) return "unix: is followed by '//' and the path: unix:///run/redis.sock";
  if (url.starts_with('[') || (url.find(':', colon + 1) != url.npos && colon != url.npos &&
                               url.find_first_not_of(hex_and_colons) == url.npos))
    return "an IPv6 address is no URL; write redis:// before it, and the address in brackets: "
           "redis://[::1]:6379";
  if (slashes != url.npos) {
    const std::string_view known[] = {"redis", "rediss", "unix", "valkey", "valkeys"};
    const auto meant = closest(url.substr(0, url.find_first_of("+:")), known);
    return fmt::format(
        "redlock does not know what stands before '://': write {}",
        meant ? fmt::format("{}://", *meant) : "redis://, rediss:// for TLS, or unix:// for a socket");
  }
  // A host may have that name: "redis:6379".
  const bool port = colon != url.npos && url.find_first_not_of("0123456789", colon + 1) == url.npos;
  if (colon != url.npos && !port && has_prefix(url, "redis") && letters(url.substr(0, colon)))
    return "'redis:' and 'rediss:' are followed by '//': redis://HOST:6379";
  return "the URL does not begin with redis://, rediss:// or unix://; write redis://HOST:6379";
}

}  // namespace redlock::config

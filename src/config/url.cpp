#include "config/url.hpp"

#include "base/text.hpp"
#include "config/url_scheme.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <strings.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace redlock::config {
namespace {

using redis::NodeEndpoint;
using Transport = NodeEndpoint::Transport;

constexpr std::size_t kMaxHostBytes = 253;                                // RFC 1035, section 2.3.4
constexpr std::size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;  // unix(7)
constexpr auto kMostDbs =
    static_cast<unsigned>(std::numeric_limits<int>::max());  // Redis counts them in an int
constexpr std::string_view kDbQuery = "db=";

// Thrown and caught only in this file.
struct BadUrl {
  std::string problem;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_host_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `what` names the part for messages.
std::string percent_decoded(std::string_view text, std::string_view what) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      throw BadUrl{fmt::format("a '%' in the {} is not followed by two hex digits; write '%25'", what)};
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (out.find('\0') != std::string::npos) throw BadUrl{fmt::format("the {} holds a NUL byte", what)};
  return out;
}

template <typename Number>
std::optional<Number> number_up_to(std::string_view text, Number most) {
  const auto number = parse_number<Number>(text);
  return number && *number <= most ? number : std::nullopt;
}

unsigned parse_db(std::string_view text) {
  const auto db = number_up_to<unsigned>(text, kMostDbs);
  if (!db) throw BadUrl{fmt::format("the database is not a number from 0 to {}", kMostDbs)};
  return *db;
}

std::uint16_t parse_port(std::string_view text) {
  const auto port = number_up_to<unsigned>(text, 65535);
  if (!port || *port == 0) throw BadUrl{"the port is not a number from 1 to 65535"};
  return static_cast<std::uint16_t>(*port);
}

void parse_userinfo(std::string_view userinfo, NodeEndpoint& endpoint) {
  const std::size_t colon = userinfo.find(':');
  endpoint.username = percent_decoded(userinfo.substr(0, colon), "user");
  if (colon != std::string_view::npos) {
    endpoint.password = Secret{percent_decoded(userinfo.substr(colon + 1), "password")};
  }
}

// Returns the address between brackets as inet_ntop(3) spells it. A zone may follow a '%', which RFC 6874 writes as
// "%25".
std::string parse_ipv6(std::string_view text) {
  const std::size_t percent = text.find('%');
  std::string zone;
  if (percent != std::string_view::npos) {
    zone = text.substr(percent + 1);
    if (zone.starts_with("25")) zone.erase(0, 2);
    if (zone.empty() || !std::all_of(zone.begin(), zone.end(), is_host_character)) {
      throw BadUrl{"the zone of the IPv6 address is not the name of an interface"};
    }
    zone.insert(0, "%");
  }
  in6_addr address{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  if (inet_pton(AF_INET6, std::string{text.substr(0, percent)}.c_str(), &address) != 1 ||
      inet_ntop(AF_INET6, &address, canonical.data(), canonical.size()) == nullptr) {
    throw BadUrl{"what stands in brackets is not an IPv6 address"};
  }
  // getaddrinfo(3) would say that the name is not known.
  const bool has_zone = IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MC_LINKLOCAL(&address);
  if (!zone.empty() && !has_zone && !std::all_of(zone.begin() + 1, zone.end(), is_digit)) {
    throw BadUrl{
        "only an IPv6 address that begins with fe80: has a zone; leave the '%' and what follows out"};
  }
  return canonical.data() + zone;
}

void parse_host_and_port(std::string_view text, NodeEndpoint& endpoint) {
  std::string_view after_host;
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) throw BadUrl{"the ']' behind the IPv6 address is missing"};
    endpoint.host = parse_ipv6(text.substr(1, bracket - 1));
    after_host = text.substr(bracket + 1);
    if (!after_host.empty() && after_host.front() != ':') {
      throw BadUrl{"only a ':' and the port may follow the IPv6 address"};
    }
  } else {
    const std::size_t colon = text.find(':');
    const std::string_view host = text.substr(0, colon);
    if (colon == 0 && text.find(':', 1) != std::string_view::npos) {
      throw BadUrl{"it begins with ':'; write an IPv6 address in brackets, [::1]"};
    }
    if (host.empty()) throw BadUrl{"the host is missing; write redis://HOST:6379"};
    if (colon != std::string_view::npos) after_host = text.substr(colon);
    if (after_host.find(':', 1) != std::string_view::npos) {
      throw BadUrl{"there is more than one ':'; write an IPv6 address in brackets, [::1]"};
    }
    if (host.size() > kMaxHostBytes || !std::all_of(host.begin(), host.end(), is_host_character)) {
      throw BadUrl{"the host may hold letters, digits, '-', '.' and '_' only"};
    }
    endpoint.host = host;
  }
  if (!after_host.empty()) endpoint.port = parse_port(after_host.substr(1));
}

// Parses the rest of redis:// and rediss://.
void parse_network(std::string_view rest, NodeEndpoint& endpoint) {
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    parse_userinfo(authority.substr(0, at), endpoint);
    authority.remove_prefix(at + 1);
  } else if (rest.find('@') != std::string_view::npos) {
    throw BadUrl{"a '/' in a user or password must be written '%2F'"};
  }
  if (rest.find('?') != std::string_view::npos) {
    throw BadUrl{"a '?' begins a query, and only unix:// has one; the database is written /N"};
  }
  if (authority.find(',') != std::string_view::npos) {
    throw BadUrl{"it holds a ','; write each URL by itself, in --node or [[node]] one"};
  }
  parse_host_and_port(authority, endpoint);
  if (slash != std::string_view::npos && slash + 1 < rest.size()) {
    endpoint.db = parse_db(rest.substr(slash + 1));
  }
}

// Parses the rest of unix://.
void parse_socket(std::string_view rest, NodeEndpoint& endpoint) {
  const std::size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  if (slash == std::string_view::npos || (!authority.empty() && authority.back() != '@')) {
    throw BadUrl{"the path of the socket must begin with '/': unix:///run/redis.sock"};
  }
  if (!authority.empty()) parse_userinfo(authority.substr(0, authority.size() - 1), endpoint);
  rest.remove_prefix(slash);
  const std::size_t question = rest.find('?');
  endpoint.path = percent_decoded(rest.substr(0, question), "path");
  if (endpoint.path.size() > kMaxPathBytes) {
    throw BadUrl{fmt::format("the path of a socket may have up to {} bytes", kMaxPathBytes)};
  }
  if (question == std::string_view::npos) return;
  const std::string_view query = rest.substr(question + 1);
  if (query.find('&') != std::string_view::npos || query.starts_with("password=") ||
      query.starts_with("username="))
    throw BadUrl{
        "the query may be db=N and nothing else; a user and password stand before the path, as in "
        "unix://USER:PASSWORD@/run/redis.sock?db=N"};
  if (!query.starts_with(kDbQuery)) throw BadUrl{"the query is not db=N, which is all there is"};
  endpoint.db = parse_db(query.substr(kDbQuery.size()));
}

// The URL without anything that is, or may be by mistake, part of user or password: the text before the last '@', a
// query, a fragment, and a port or database that is not a short number.
std::string redacted(const UrlScheme& scheme, std::string_view rest) {
  const auto short_number = [](std::string_view text) {
    return text.size() <= 10 && std::all_of(text.begin(), text.end(), is_digit);
  };
  std::string out{scheme.prefix};
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    out += "***@";
    rest.remove_prefix(at + 1);
  }
  rest = rest.substr(0, rest.find_first_of("?#"));
  if (scheme.transport == Transport::Unix) return out + printable(rest);

  const std::size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  const std::size_t colon = bracket == std::string_view::npos ? 0 : authority.find(':', bracket);
  out += printable(authority.substr(0, colon));
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(std::min(colon + 1, authority.size()));
    out += short_number(port) ? ":" + std::string{port} : ":***";
  }
  if (slash != std::string_view::npos) {
    const std::string_view db = rest.substr(slash + 1);
    out += short_number(db) ? "/" + std::string{db} : "/***";
  }
  return out;
}

}  // namespace

std::variant<NodeEndpoint, UrlProblem> parse_url(std::string_view url) {
  const UrlScheme* const scheme = find_scheme(url);
  if (scheme == nullptr) return UrlProblem{scheme_problem(url)};

  const std::string_view rest = url.substr(scheme->prefix.size());
  NodeEndpoint endpoint;
  endpoint.transport = scheme->transport;
  try {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
    if (std::any_of(rest.begin(), rest.end(), is_control)) {
      throw BadUrl{"it holds a blank or a control character; write it as %20 or the like"};
    }
    if (rest.find('#') != std::string_view::npos) {
      throw BadUrl{"a URL of a node has no fragment; write a '#' in a password as '%23'"};
    }
    endpoint.transport == Transport::Unix ? parse_socket(rest, endpoint) : parse_network(rest, endpoint);
  } catch (const BadUrl& bad) {
    return UrlProblem{fmt::format("'{}': {}", redacted(*scheme, rest), bad.problem)};
  }
  return endpoint;
}

std::string_view userinfo_of(std::string_view url) {
  constexpr std::string_view marker = "://";
  const std::size_t scheme_end = url.find(marker);
  if (scheme_end == std::string_view::npos) return {};
  const std::string_view rest = url.substr(scheme_end + marker.size());
  const std::string_view authority = rest.substr(0, rest.find('/'));
  const std::size_t at = authority.rfind('@');
  return at == std::string_view::npos ? std::string_view{} : authority.substr(0, at + 1);
}

bool same_server(const NodeEndpoint& a, const NodeEndpoint& b) {
  const bool a_is_socket = a.transport == Transport::Unix;
  if (a_is_socket != (b.transport == Transport::Unix)) return false;
  if (a_is_socket) return a.path == b.path;
  return a.port == b.port && strcasecmp(a.host.c_str(), b.host.c_str()) == 0;
}

}  // namespace redlock::config

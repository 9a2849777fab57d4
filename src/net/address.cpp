#include "net/address.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <memory>

namespace redlock::net {
namespace {

template <class Sockaddr>
Address make_address(const Sockaddr& from) {
  Address address;
  static_assert(sizeof from <= sizeof address.storage);
  std::memcpy(&address.storage, &from, sizeof from);
  address.length = sizeof from;
  return address;
}

// "fe80::1%eth0": the interface's number takes a look at the interfaces, and AI_NUMERICHOST no more than
// that.
std::optional<Address> scoped_address(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned{found, &freeaddrinfo};
  sockaddr_in6 in6{};
  std::memcpy(&in6, found->ai_addr, sizeof in6);
  in6.sin6_port = htons(port);
  return make_address(in6);
}

}  // namespace

std::optional<Address> numeric_address(const std::string& host, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &in.sin_addr) == 1) return make_address(in);
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  if (inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) == 1) return make_address(in6);
  if (host.find(':') != std::string::npos) return scoped_address(host, port);
  return std::nullopt;
}

std::optional<Address> unix_address(const std::string& path) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof un.sun_path) return std::nullopt;
  std::memcpy(un.sun_path, path.data(), path.size());
  return make_address(un);
}

}  // namespace redlock::net

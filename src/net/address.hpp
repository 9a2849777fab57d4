#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace redlock::net {

// An address for connect(2).
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const noexcept { return storage.ss_family; }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

// An IPv4 or IPv6 address in figures ("10.0.0.1", "::1", "fe80::1%eth0"), without asking any name server;
// nothing for a name.
std::optional<Address> numeric_address(const std::string& host, std::uint16_t port);

// A unix socket; nothing when the path is longer than the 107 bytes that sockaddr_un takes.
std::optional<Address> unix_address(const std::string& path);

}  // namespace redlock::net

#pragma once

#include "net/address.hpp"
#include "net/connection_failure.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace redlock::net {

// One question to getaddrinfo(3), which may block for long, in a thread of its own. Nobody joins that thread:
// it ends by itself after the Lookup is gone, and the program may exit meanwhile.
class Lookup {
 public:
  using Answer = std::variant<std::vector<Address>, ConnectionFailure>;
  static constexpr std::size_t kMostAddresses = 16;

  Lookup(const std::string& host, std::uint16_t port);

  // Readable once there is an answer; -1 when it is there already.
  int fd() const noexcept;

  // The answer, once. At least one address, and no more than kMostAddresses: in the order of preference (RFC 6724),
  // but the two families take turns, so that one that leads nowhere does not keep the other waiting (RFC 8305).
  std::optional<Answer> take();

 private:
  struct Exchange;
  std::shared_ptr<Exchange> shared_;
};

// The addresses with the families in turn, beginning with that of the first; within a family the order stays.
std::vector<Address> families_in_turn(std::vector<Address> addresses);

}  // namespace redlock::net

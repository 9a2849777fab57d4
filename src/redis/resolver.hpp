#pragma once

#include "quorum/types.hpp"
#include "redis/address.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace redlock::redis {

// One question to getaddrinfo(3), which blocks for as long as it likes, in a thread of its own. Nobody waits
// for that thread: dropping the Lookup leaves it to end by itself, and the program may exit meanwhile.
class Lookup {
 public:
  using Answer = std::variant<std::vector<Address>, quorum::Failure>;

  Lookup(const std::string& host, std::uint16_t port);

  // Readable once there is an answer; -1 when it is there already.
  int fd() const noexcept;

  // The answer, once. Addresses come in the order of preference (RFC 6724), at least one.
  std::optional<Answer> take();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace redlock::redis

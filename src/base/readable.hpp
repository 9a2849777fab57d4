#pragma once

#include <poll.h>

namespace redlock {

// Whether the descriptor can be read from without a wait. The end of what it reads from counts, and an error.
inline bool is_readable(int fd) noexcept {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wanted, 1, 0) == 1;
}

}  // namespace redlock

#pragma once

#include <poll.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace redlock::net {

// The descriptors that Network::poll() waits for. Fill it anew for each wait.
class Poller {
 public:
  void clear() noexcept { polled_.clear(); }
  void add(int fd, short events) { polled_.push_back({.fd = fd, .events = events, .revents = 0}); }
  std::size_t size() const noexcept { return polled_.size(); }

  // Whether the descriptor that was added as number `index` was found ready, or broken.
  bool ready(std::size_t index) const noexcept { return polled_[index].revents != 0; }
  bool any_ready() const noexcept {
    return std::any_of(polled_.begin(), polled_.end(), [](const pollfd& each) { return each.revents != 0; });
  }

  // For Network: it sets `revents`.
  std::span<pollfd> entries() noexcept { return polled_; }

 private:
  std::vector<pollfd> polled_;
};

}  // namespace redlock::net

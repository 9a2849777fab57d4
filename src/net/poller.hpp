#pragma once

#include "base/clock.hpp"
#include "base/fd.hpp"

#include <poll.h>

#include <cstddef>
#include <vector>

namespace redlock::net {

// poll(2) until a point of BootClock. Fill it anew for each wait.
class Poller {
 public:
  // From which wait on the timeout of ppoll(2) is not good enough: it stands still while the machine is
  // suspended.
  static constexpr std::chrono::seconds kLongWait{1};

  void clear() noexcept { polled_.clear(); }
  void add(int fd, short events) { polled_.push_back({.fd = fd, .events = events, .revents = 0}); }
  std::size_t size() const noexcept { return polled_.size(); }

  // Returns when a descriptor is ready, at `until`, or after a signal. A wait that is short may end up to one
  // second late if the machine is suspended meanwhile. Throws SystemError.
  void wait(TimePoint now, TimePoint until);

  // Whether the descriptor that was added as number `index` was found ready, or broken.
  bool ready(std::size_t index) const noexcept { return polled_[index].revents != 0; }

 private:
  void wait_long(TimePoint until);

  std::vector<pollfd> polled_;
  UniqueFd timer_;  // CLOCK_BOOTTIME; made by the first long wait, since most runs have none
};

}  // namespace redlock::net

#include "net/network.hpp"

namespace redlock::net {

bool any_readable(Network& network, std::span<const int> fds) {
  if (fds.empty()) return false;
  Poller poller;
  for (const int fd : fds) poller.add(fd, POLLIN);
  network.poll(poller, TimePoint{}, TimePoint{});
  return poller.any_ready();
}

}  // namespace redlock::net

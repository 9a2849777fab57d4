#include "net/system_network.hpp"

#include "base/error.hpp"
#include "net/system_dial.hpp"

#include <sys/timerfd.h>

#include <cerrno>

namespace redlock::net {
namespace {

// The timeout of ppoll(2) stands still while the machine is suspended: for longer waits it is not good enough.
constexpr std::chrono::seconds kLongWait{1};

void poll_for(Poller& poller, const timespec* timeout) {
  const auto polled = poller.entries();
  if (ppoll(polled.data(), polled.size(), timeout, nullptr) >= 0) return;
  for (pollfd& each : polled) each.revents = 0;
  if (errno != EINTR) throw SystemError{"cannot wait for the nodes", errno};
}

}  // namespace

std::unique_ptr<Dial> SystemNetwork::dial(const Endpoint& endpoint) {
  return std::make_unique<SystemDial>(endpoint);
}

void SystemNetwork::poll(Poller& poller, TimePoint now, TimePoint until) {
  const Duration left = until > now ? until - now : Duration::zero();
  if (left > kLongWait) return poll_long(poller, until);
  const timespec timeout = to_timespec(TimePoint{left});
  poll_for(poller, &timeout);
}

void SystemNetwork::poll_long(Poller& poller, TimePoint until) {
  if (until == TimePoint::max()) return poll_for(poller, nullptr);
  if (!timer_) timer_.reset(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec at{.it_interval = {}, .it_value = to_timespec(until)};
  if (!timer_ || timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr) != 0) {
    throw SystemError{"cannot set a timer", errno};
  }
  poller.add(timer_.get(), POLLIN);
  poll_for(poller, nullptr);
}

}  // namespace redlock::net

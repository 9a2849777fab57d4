#include "net/poller.hpp"

#include "base/error.hpp"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>

namespace redlock::net {
namespace {

void poll_for(std::vector<pollfd>& polled, const timespec* timeout) {
  if (ppoll(polled.data(), polled.size(), timeout, nullptr) >= 0) return;
  for (pollfd& each : polled) each.revents = 0;
  if (errno != EINTR) throw SystemError{"cannot wait for the nodes", errno};
}

}  // namespace

void Poller::wait(TimePoint now, TimePoint until) {
  const Duration left = until > now ? until - now : Duration::zero();
  if (left > kLongWait) return wait_long(until);
  const timespec timeout = to_timespec(TimePoint{left});
  poll_for(polled_, &timeout);
}

void Poller::wait_long(TimePoint until) {
  if (until == TimePoint::max()) return poll_for(polled_, nullptr);
  if (!timer_) timer_.reset(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec at{.it_interval = {}, .it_value = to_timespec(until)};
  if (!timer_ || timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr) != 0) {
    throw SystemError{"cannot set a timer", errno};
  }
  add(timer_.get(), POLLIN);
  poll_for(polled_, nullptr);
}

}  // namespace redlock::net

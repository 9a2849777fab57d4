#include "base/timer.hpp"

#include "base/error.hpp"

#include <sys/timerfd.h>

#include <cerrno>

namespace redlock {

Timer::Timer() : fd_{timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)} {
  if (!fd_) throw SystemError{"cannot set a timer", errno};
}

void Timer::set(std::optional<TimePoint> at) noexcept {
  if (at == at_) return;
  // This also clears an expiration. A time in the past fires at once; zero disarms.
  itimerspec when{};
  if (at) when.it_value = to_timespec(*at);
  timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
  at_ = at;
}

}  // namespace redlock

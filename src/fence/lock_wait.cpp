#include "fence/lock_wait.hpp"

#include "base/error.hpp"
#include "base/signal_set.hpp"

#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <utility>

namespace redlock::fence {
namespace {

volatile std::sig_atomic_t time_is_up = 0;

// Not SIGALRM, by which a caller may want to end redlock: perl -e 'alarm 5; exec @ARGV' redlock ...
int signal_of_timer() noexcept {
  return SIGRTMIN;
}

// False if another has it and `operation` has LOCK_NB, or when the time is up.
bool take(int fd, int operation) {
  while (flock(fd, operation) != 0) {
    if (errno == EWOULDBLOCK || (errno == EINTR && time_is_up != 0)) return false;
    if (errno != EINTR) throw SystemError{"cannot lock the file", errno};
  }
  return true;
}

}  // namespace

LockWait::LockWait(std::optional<Duration> limit, Duration tell_after, std::function<void()> waiting)
    : limit_{limit}, tell_after_{tell_after}, waiting_{std::move(waiting)} {
}

// A signal that the timer has sent is handled on return from timer_delete(2), before the signal has its own action again.
LockWait::~LockWait() {
  if (!timer_) return;
  timer_delete(*timer_);
  restore_signal();
}

bool LockWait::lock(int fd) {
  if (take(fd, LOCK_EX | LOCK_NB)) return true;
  if (limit_ && *limit_ <= Duration::zero()) return false;
  if (!std::exchange(started_, true)) start();
  while (!take(fd, LOCK_EX)) {
    if (only_limit_is_left_) return false;
    tell();
  }
  return true;
}

void LockWait::start() {
  if (tell_after_ > Duration::zero() || limit_) start_timer();
  if (tell_after_ <= Duration::zero()) {
    tell();
  } else if (limit_ && *limit_ <= tell_after_) {
    only_limit_is_left_ = true;
    set_timer(*limit_);
  } else {
    set_timer(tell_after_);
  }
}

void LockWait::tell() {
  only_limit_is_left_ = true;
  // Zero, where there is no limit, stops the timer.
  if (timer_) set_timer(limit_ ? *limit_ - tell_after_ : Duration::zero());
  waiting_();
}

// flock(2) has no timeout, so a signal interrupts it. Polling would not do: the kernel serves those that wait in flock(2), and
// a poller might never find the lock free. The signal repeats, since the first may come just before the call.
void LockWait::start_timer() {
  struct sigaction interrupt {};  // without SA_RESTART
  interrupt.sa_handler = [](int) { time_is_up = 1; };
  sigaction(signal_of_timer(), &interrupt, &found_action_);
  const sigset_t only = signal_set({signal_of_timer()});
  pthread_sigmask(SIG_UNBLOCK, &only, &found_mask_);

  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = signal_of_timer();
  timer_t timer{};
  if (timer_create(CLOCK_BOOTTIME, &event, &timer) != 0) {
    const int reason = errno;
    restore_signal();
    throw SystemError{"cannot set a timer", reason};
  }
  timer_ = timer;
}

void LockWait::set_timer(Duration when) noexcept {
  const itimerspec setting{.it_interval = to_timespec(TimePoint{std::chrono::milliseconds{10}}),
                           .it_value = to_timespec(TimePoint{when})};
  timer_settime(*timer_, 0, &setting, nullptr);
  // After the call: it was set by the timer as it was before, or the signal comes again.
  time_is_up = 0;
}

void LockWait::restore_signal() const noexcept {
  sigaction(signal_of_timer(), &found_action_, nullptr);
  pthread_sigmask(SIG_SETMASK, &found_mask_, nullptr);
}

}  // namespace redlock::fence

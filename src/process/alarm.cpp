#include "process/alarm.hpp"

#include "base/error.hpp"
#include "base/signal_set.hpp"
#include "process/descriptors.hpp"
#include "process/title.hpp"

#include <poll.h>

extern "C" {  // which the header of glibc 2.36 forgets
#include <sys/pidfd.h>
}
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iterator>

namespace redlock::process {
namespace {

constexpr const char* kAlarmName = "lock-alarm";  // in ps(1) and killall(1)

// The body of the process. It was forked from a program with threads: no heap, no locks, no log.
[[noreturn]] void wait_for_deadline(Clock& clock, Leash& leash, const WatchedProcess& watched, int signal,
                                    Timer& timer) noexcept {
  block_all_signals();
  setsid();
  change_title(kAlarmName);
  [[maybe_unused]] const int moved = chdir("/");
  close_all_but({watched.fd(), timer.fd(), leash.lost_event()});
  while (!leash.lost() && clock.boot_now() < leash.term_at()) {
    timer.set(leash.term_at());  // which extensions have moved on
    pollfd events[] = {
        {.fd = watched.fd(), .events = POLLIN, .revents = 0},
        {.fd = timer.fd(), .events = POLLIN, .revents = 0},
        {.fd = leash.lost_event(), .events = POLLIN, .revents = 0},
    };
    poll(events, std::size(events), -1);
    if (watched.ended()) _exit(0);
  }
  if (leash.begin_stop()) watched.signal(signal);
  _exit(0);
}

}  // namespace

Alarm::Alarm(Clock& clock, Leash& leash, const WatchedProcess& watched, int signal) {
  const pid_t pid = fork();
  if (pid < 0) throw SystemError{"cannot start the process that watches the deadline", errno};
  if (pid == 0) wait_for_deadline(clock, leash, watched, signal, timer_);
  process_ = OwnedChild{pid};
  ended_.reset(pidfd_open(pid, 0));
  if (!ended_) throw SystemError{"cannot watch the process that watches the deadline", errno};
}

void Alarm::continue_if_stopped() const noexcept {
  siginfo_t stopped{};
  const int result = waitid(P_PID, static_cast<id_t>(process_.pid()), &stopped, WSTOPPED | WNOHANG);
  if (result == 0 && stopped.si_pid != 0) kill(process_.pid(), SIGCONT);
}

}  // namespace redlock::process

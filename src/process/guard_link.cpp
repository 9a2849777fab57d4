#include "process/guard_link.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>

namespace redlock::process {

void GuardLink::continue_if_stopped() noexcept {
  siginfo_t stopped{};
  if (waitid(P_PID, static_cast<id_t>(guard_.pid()), &stopped, WSTOPPED | WNOHANG) != 0) return;
  if (stopped.si_pid == 0) return;
  kill(guard_.pid(), SIGCONT);
  ping(kTimeToAnswer);
}

void GuardLink::ping(Duration limit) noexcept {
  const TimePoint due = clock_.boot_now() + limit;
  channel_.send({.kind = MessageKind::Ping});
  answer_due_ = answer_due_ ? std::min(*answer_due_, due) : due;
}

}  // namespace redlock::process

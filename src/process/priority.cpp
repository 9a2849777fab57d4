#include "process/priority.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <utility>

namespace redlock::process {

Standby::Standby() noexcept : usual_{sched_getscheduler(0) == SCHED_OTHER} {
}

void Standby::set(bool behind_others) noexcept {
  if (!usual_ || std::exchange(set_, behind_others) == behind_others) return;
  const sched_param none{};
  sched_setscheduler(0, behind_others ? SCHED_BATCH : SCHED_OTHER, &none);
}

// A tenth of the share of an ordinary process, and so never starved.
void step_back() noexcept {
  setpriority(PRIO_PROCESS, 0, 10);
}

}  // namespace redlock::process

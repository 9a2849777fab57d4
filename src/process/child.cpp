#include "process/child.hpp"

#include "base/fd.hpp"

#include <poll.h>

extern "C" {  // which the header of glibc 2.36 forgets
#include <sys/pidfd.h>
}
#include <sys/wait.h>

#include <csignal>

namespace redlock::process {

// waitpid(2) would wait for the tracer to detach, which may never happen; the pidfd becomes readable at the death.
bool OwnedChild::end() noexcept {
  if (pid_ <= 0) return true;
  const pid_t pid = std::exchange(pid_, -1);
  kill(pid, SIGKILL);
  const UniqueFd death{pidfd_open(pid, 0)};
  if (!death) return waitpid(pid, nullptr, 0) == pid;
  pollfd wanted{.fd = death.get(), .events = POLLIN, .revents = 0};
  while (poll(&wanted, 1, -1) <= 0) continue;
  return waitpid(pid, nullptr, WNOHANG) != 0;
}

}  // namespace redlock::process

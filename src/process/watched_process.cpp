#include "process/watched_process.hpp"

#include "base/error.hpp"
#include "base/readable.hpp"

#include <fmt/format.h>

extern "C" {  // which the header of glibc 2.36 forgets
#include <sys/pidfd.h>
}
#include <unistd.h>

#include <cerrno>

namespace redlock::process {
namespace {

void refuse_pointless(pid_t pid) {
  if (pid == 1) {
    throw UsageError{
        "process 1 ends with the machine or container, and everything in it: nobody could release the lock "
        "then. Name the process that needs it"};
  }
  if (pid == getpid()) {
    throw UsageError{fmt::format(
        "process {} is redlock itself: name the process that needs the lock, such as a script's $$", pid)};
  }
}

[[noreturn]] void refuse(pid_t pid, int error_number) {
  if (error_number == ESRCH) throw UsageError{fmt::format("there is no process {}", pid)};
  // A thread that is not its process's first: EINVAL, since Linux 6.9 ENOENT.
  if (error_number == EINVAL || error_number == ENOENT)
    throw UsageError{fmt::format("{} is a thread: name its process", pid)};
  if (error_number == ENOSYS) {
    throw SystemError{"cannot watch a process: this needs Linux 5.3 or later", error_number};
  }
  throw SystemError{fmt::format("cannot watch process {}", pid), error_number};
}

}  // namespace

WatchedProcess::WatchedProcess(pid_t pid) : pid_{pid} {
  refuse_pointless(pid);
  fd_.reset(pidfd_open(pid, 0));
  if (!fd_) refuse(pid, errno);
  if (ended()) throw UsageError{fmt::format("process {} has ended", pid)};
  if (const int error_number = signal(0); error_number == EPERM) {
    throw Error{
        exit_status::kSystem,
        fmt::format("process {} is another user's: no signal could tell it that the lock is lost", pid)};
  } else if (error_number != 0) {
    refuse(pid, error_number);
  }
}

bool WatchedProcess::ended() const noexcept {
  return is_readable(fd_.get());
}

int WatchedProcess::signal(int number) const noexcept {
  return pidfd_send_signal(fd_.get(), number, nullptr, 0) == 0 ? 0 : errno;
}

}  // namespace redlock::process

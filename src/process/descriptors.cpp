#include "process/descriptors.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace redlock::process {

void reserve_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    // open(2) returns the lowest free number, and those below are taken by now. A chroot may lack /dev/null:
    // anything that holds the place will do, then.
    int got = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (got < 0) got = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (got < 0) throw SystemError{"cannot open /dev/null", errno};
  }
}

void close_all_but(std::initializer_list<int> keep) noexcept {
  // Few descriptors: looking for the next one to keep beats sorting them.
  for (unsigned from = 0;;) {
    unsigned next = UINT_MAX;
    for (const int fd : keep) {
      if (fd >= 0 && static_cast<unsigned>(fd) >= from) next = std::min(next, static_cast<unsigned>(fd));
    }
    if (next > from) close_range(from, next - 1, 0);
    if (next == UINT_MAX) return;
    from = next + 1;
  }
}

}  // namespace redlock::process

#include "process/descriptors.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <exception>
#include <memory>
#include <string_view>
#include <vector>

namespace redlock::process {
namespace {

// A chroot may lack /dev/null; then an eventfd takes its place.
int open_null() {
  int got = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (got < 0) got = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (got < 0) throw SystemError{"cannot open /dev/null", errno};
  return got;
}

// The descriptors above the standard ones that redlock inherited: those that it opens itself are close-on-exec. None if /proc
// cannot be read.
std::vector<int> inherited_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> open_files{opendir("/proc/self/fd"), &closedir};
  if (!open_files) return {};
  std::vector<int> found;
  while (const dirent* entry = readdir(open_files.get())) {
    const std::string_view name{entry->d_name};
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    if (fd <= STDERR_FILENO || fd == dirfd(open_files.get())) continue;
    const int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) found.push_back(fd);
  }
  return found;
}

// On a kernel without close_range(2), before 5.9, closes those that a program is likely to have.
void close_from_to(unsigned first, unsigned last) noexcept {
  if (close_range(first, last, 0) == 0) return;
  constexpr unsigned likely = 1024;
  for (unsigned fd = first; fd <= last && fd < likely; ++fd) close(static_cast<int>(fd));
}

}  // namespace

void reserve_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    // open(2) returns the lowest free number, which is this one.
    if (fcntl(fd, F_GETFD) < 0) open_null();
  }
}

// Inherited descriptors are never close-on-exec: the exec that started redlock would have closed them.
bool was_closed_at_start(int standard_descriptor) noexcept {
  const int flags = fcntl(standard_descriptor, F_GETFD);
  return flags < 0 || (flags & FD_CLOEXEC) != 0;
}

void replace_by_null(int fd) {
  const UniqueFd null{open_null()};
  if (dup3(null.get(), fd, O_CLOEXEC) < 0) throw SystemError{"cannot let go of a descriptor", errno};
}

void require_descriptors(std::size_t needed) {
  constexpr rlim_t far = 256;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= far + needed) return;
  std::size_t unused = 0;
  for (rlim_t fd = 0; fd < limit.rlim_cur; ++fd) unused += fcntl(static_cast<int>(fd), F_GETFD) < 0 ? 1 : 0;
  if (unused >= needed) return;
  throw Error{
      exit_status::kSystem,
      fmt::format("cannot open {} more files: the limit is {}, which leaves {}: raise it, as by ulimit -n {}",
                  needed, limit.rlim_cur, unused, limit.rlim_cur + needed - unused)};
}

void close_inherited_descriptors() noexcept {
  try {
    replace_by_null(STDIN_FILENO);
    replace_by_null(STDOUT_FILENO);
    for (const int fd : inherited_descriptors()) close(fd);
  } catch (const std::exception&) {  // out of descriptors or memory, which the command must not pay for
    return;
  }
}

void close_all_but(std::span<const int> keep) noexcept {
  for (unsigned from = 0;;) {
    unsigned next = UINT_MAX;
    for (const int fd : keep) {
      if (fd >= 0 && static_cast<unsigned>(fd) >= from) next = std::min(next, static_cast<unsigned>(fd));
    }
    if (next > from) close_from_to(from, next - 1);
    if (next == UINT_MAX) return;
    from = next + 1;
  }
}

}  // namespace redlock::process

#include "base/fd.hpp"
#include "process/descriptors.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace redlock;

namespace {

// Runs `body` in a child process of its own, whose descriptors it may ruin; true when it returned true.
template <typename Body>
bool holds_in_a_child(Body body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body() ? 0 : 1);
  int status = -1;
  waitpid(pid, &status, 0);
  return status == 0;
}

bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

}  // namespace

TEST_CASE("closed standard descriptors are reserved, close-on-exec, and open ones are left as they are") {
  CHECK(holds_in_a_child([] {
    const UniqueFd null{open("/dev/null", O_RDWR)};
    dup2(null.get(), STDOUT_FILENO);
    close(STDIN_FILENO);
    close(STDERR_FILENO);
    process::reserve_standard_descriptors();
    return fcntl(STDIN_FILENO, F_GETFD) == FD_CLOEXEC && fcntl(STDOUT_FILENO, F_GETFD) == 0 &&
           fcntl(STDERR_FILENO, F_GETFD) == FD_CLOEXEC && open("/dev/null", O_RDONLY) > STDERR_FILENO;
  }));
}

TEST_CASE("all descriptors but those to keep are closed") {
  CHECK(holds_in_a_child([] {
    const int first = open("/dev/null", O_RDONLY);
    const int second = dup(first);
    const int third = fcntl(first, F_DUPFD, 100);
    process::close_all_but({third, first});
    return is_open(first) && !is_open(second) && is_open(third) && !is_open(STDIN_FILENO) &&
           !is_open(STDERR_FILENO) && !is_open(third + 1);
  }));
}

#include "process/privacy.hpp"

#include <doctest/doctest.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace redlock;

TEST_CASE("a private process forks private children") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (prctl(PR_GET_DUMPABLE) != 1) _exit(2);  // how it is by default
    process::make_private();
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
    int status = -1;
    waitpid(grandchild, &status, 0);
    _exit(grandchild > 0 && status == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

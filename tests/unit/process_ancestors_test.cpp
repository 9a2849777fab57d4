#include "process/ancestors.hpp"
#include "process/guard.hpp"
#include "process/proc_stat.hpp"

#include <doctest/doctest.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace redlock;
using process::Ancestors;

namespace {

// A child with a name of its own, until it is killed.
class NamedChild {
 public:
  explicit NamedChild(const char* name) {
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      prctl(PR_SET_NAME, name);
      close(ready[0]);
      close(ready[1]);
      for (;;) pause();
    }
    close(ready[1]);
    char nothing = 0;
    CHECK(read(ready[0], &nothing, 1) == 0);
    close(ready[0]);
  }
  NamedChild(const NamedChild&) = delete;
  NamedChild& operator=(const NamedChild&) = delete;
  ~NamedChild() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

}  // namespace

TEST_SUITE("ancestors") {
  TEST_CASE("the parents of this process are among them, this process and its children are not") {
    const NamedChild child{"some-child"};
    const Ancestors ancestors = Ancestors::of_this_process();
    CHECK(ancestors.contain(getppid()));
    const auto parent = process::read_proc_stat(getppid());
    REQUIRE(parent);
    if (parent->parent > 0) CHECK(ancestors.contain(parent->parent));
    CHECK_FALSE(ancestors.contain(getpid()));
    CHECK_FALSE(ancestors.contain(child.pid()));
    CHECK_FALSE(ancestors.contain(0));
  }

  TEST_CASE("a redlock counts only with its guard directly below it") {
    const NamedChild guard{process::kGuardName};
    const NamedChild shell{"sh"};
    const pid_t redlock = getpid();
    CHECK(Ancestors{{shell.pid(), guard.pid(), redlock}}.contain_guarded(redlock));
    CHECK_FALSE(Ancestors{{guard.pid(), shell.pid(), redlock}}.contain_guarded(redlock));
    CHECK_FALSE(Ancestors{{shell.pid(), redlock}}.contain_guarded(redlock));
    CHECK_FALSE(Ancestors{{redlock, guard.pid()}}.contain_guarded(redlock));
    CHECK_FALSE(Ancestors{{guard.pid()}}.contain_guarded(redlock));
    CHECK_FALSE(Ancestors{{}}.contain_guarded(redlock));
  }

  TEST_CASE("a guard that has just been forked has the name of its redlock") {
    const NamedChild guard{process::process_name(getpid()).c_str()};
    CHECK(Ancestors{{guard.pid(), getpid()}}.contain_guarded(getpid()));
  }
}

#include "process/spawn.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

using namespace redlock;
using namespace redlock::process;
using namespace std::chrono_literals;

namespace {

struct Attempt {
  Spawned spawned;
  int wait_status = -1;
};

Attempt spawn_under(const Leash& leash, const std::vector<std::string>& argv) {
  const LateVariables none{{}};
  const ExecPlan plan{argv, {}, none};
  const SignalGate gate;
  Attempt attempt{.spawned = spawn(plan, leash, gate)};
  if (attempt.spawned.pid > 0) waitpid(attempt.spawned.pid, &attempt.wait_status, 0);
  return attempt;
}

const std::vector<std::string> kExitWithThree = {"/bin/sh", "-c", "exit 3"};

}  // namespace

TEST_CASE("a command under a good leash is executed") {
  const Leash leash{BootClock::now() + 60s, 5s, 200ms};
  const Attempt attempt = spawn_under(leash, kExitWithThree);
  CHECK_FALSE(attempt.spawned.too_late);
  CHECK(attempt.spawned.exec_failure.error_number == 0);
  CHECK(WEXITSTATUS(attempt.wait_status) == 3);
}

TEST_CASE("nothing is executed at the last instant when TERM is due already") {
  const Leash leash{BootClock::now() + 4s, 5s, 200ms};
  const Attempt attempt = spawn_under(leash, kExitWithThree);
  CHECK(attempt.spawned.too_late);
  CHECK(attempt.wait_status == 0);
}

TEST_CASE("nothing is executed when the lease has been lost, or its end has begun") {
  Leash lost{BootClock::now() + 60s, 5s, 200ms};
  lost.lose();
  CHECK(spawn_under(lost, kExitWithThree).spawned.too_late);
  Leash stopping{BootClock::now() + 60s, 5s, 200ms};
  stopping.begin_stop();
  CHECK(spawn_under(stopping, kExitWithThree).spawned.too_late);
}

TEST_CASE("the reason why a command cannot be executed comes back") {
  const Leash leash{BootClock::now() + 60s, 5s, 200ms};
  CHECK(spawn_under(leash, {"/no/such/file"}).spawned.exec_failure.error_number == ENOENT);
  CHECK(spawn_under(leash, {"/dev/null"}).spawned.exec_failure.error_number == EACCES);
}

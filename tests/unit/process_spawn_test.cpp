#include "process/spawn.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

using namespace redlock;
using namespace redlock::process;
using namespace std::chrono_literals;

namespace {

struct Attempt {
  std::optional<ExecFailure> failure;
  int wait_status = -1;
};

Attempt spawn_under(Leash& leash, const std::vector<std::string>& argv) {
  const ExecPlan plan{argv, {}};
  const SignalFd signals;
  SystemClock clock;
  Attempt attempt;
  const pid_t pid = spawn({.plan = plan, .leash = leash, .signals = signals, .clock = clock});
  if (pid > 0) waitpid(pid, &attempt.wait_status, 0);
  attempt.failure = leash.exec_failure();
  return attempt;
}

bool was_too_late(const Attempt& attempt) {
  return attempt.failure && attempt.failure->too_late;
}

const std::vector<std::string> kExitWithThree = {"/bin/sh", "-c", "exit 3"};

}  // namespace

TEST_CASE("a command under a good leash is executed") {
  Leash leash{BootClock::now() + 60s, 5s, 200ms};
  const Attempt attempt = spawn_under(leash, kExitWithThree);
  CHECK_FALSE(attempt.failure);
  CHECK(WEXITSTATUS(attempt.wait_status) == 3);
}

TEST_CASE("nothing is executed at the last instant when TERM is due already") {
  Leash leash{BootClock::now() + 4s, 5s, 200ms};
  CHECK(was_too_late(spawn_under(leash, kExitWithThree)));
}

TEST_CASE("nothing is executed when the lease has been lost, or its end has begun") {
  Leash lost{BootClock::now() + 60s, 5s, 200ms};
  lost.lose(BootClock::now());
  CHECK(was_too_late(spawn_under(lost, kExitWithThree)));
  Leash stopping{BootClock::now() + 60s, 5s, 200ms};
  stopping.begin_stop();
  CHECK(was_too_late(spawn_under(stopping, kExitWithThree)));
}

TEST_CASE("the reason why a command cannot be executed comes back, and which candidate it is about") {
  Leash leash{BootClock::now() + 60s, 5s, 200ms};
  const auto missing = spawn_under(leash, {"/no/such/file"}).failure;
  REQUIRE(missing);
  CHECK(missing->error_number == ENOENT);
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/no/such/folder:/dev", 1);
  const auto refused = spawn_under(leash, {"null"}).failure;
  setenv("PATH", path.c_str(), 1);
  REQUIRE(refused);
  CHECK(refused->error_number == EACCES);
  CHECK(refused->candidate == 1);
  CHECK_FALSE(refused->too_late);
}

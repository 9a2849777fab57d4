#include "process/executable.hpp"
#include "process/late_variables.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

using namespace redlock::process;

TEST_SUITE("variables that are set after the fork") {
  TEST_CASE("a child that was forked before executes the command with them") {
    LateVariables late{{"FIRST", "SECOND"}};
    late.set("FIRST", "an old value that is longer");
    setenv("SECOND", "inherited", 1);
    const std::vector<std::string> argv{
        "/bin/sh", "-c", "test \"$FIRST,$SECOND\" = new,2 && env | grep -c SECOND= | grep -qx 1"};
    const ExecPlan plan{argv, {}, late};
    unsetenv("SECOND");
    const Leash leash{redlock::BootClock::now() + std::chrono::hours{1}, std::chrono::seconds{5},
                      std::chrono::milliseconds{200}};
    int go[2];
    REQUIRE(pipe(go) == 0);
    const pid_t child = fork();
    if (child == 0) {
      char byte = 0;
      if (read(go[0], &byte, 1) == 1) plan.exec(leash);
      _exit(99);
    }
    late.set("FIRST", "new");
    late.set("SECOND", "2");
    REQUIRE(write(go[1], "g", 1) == 1);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    close(go[0]);
    close(go[1]);
  }

  TEST_CASE("none needs no memory; what has no room, or no name, is refused") {
    CHECK(LateVariables{{}}.names().empty());
    LateVariables late{{"NAME"}};
    CHECK(std::string{late.entry(0)} == "NAME=");
    late.set("NAME", std::string(LateVariables::kSize - sizeof "NAME=", 'x'));
    CHECK_THROWS_AS(late.set("NAME", std::string(LateVariables::kSize - sizeof "NAME=" + 1, 'x')),
                    std::length_error);
    CHECK_THROWS_AS(late.set("OTHER", ""), std::out_of_range);
    CHECK_THROWS_AS((LateVariables{{std::string(LateVariables::kSize, 'x')}}), std::length_error);
    CHECK_THROWS_AS((LateVariables{std::vector<std::string>(LateVariables::kMost + 1, "X")}),
                    std::length_error);
  }
}

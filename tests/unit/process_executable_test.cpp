#include "process/executable.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

using namespace redlock::process;
using Names = std::vector<std::string>;

namespace {

redlock::SystemClock system_clock;

const Leash& good_leash() {
  static const Leash leash{redlock::BootClock::now() + std::chrono::hours{1}, std::chrono::seconds{5},
                           std::chrono::milliseconds{200}};
  return leash;
}

}  // namespace

TEST_CASE("a command without a slash is looked for in each directory of PATH, in order") {
  CHECK(executable_candidates("ls", "/usr/local/bin:/bin") == Names{"/usr/local/bin/ls", "/bin/ls"});
}

TEST_CASE("an empty entry of PATH is the current directory") {
  CHECK(executable_candidates("ls", "") == Names{"ls"});
  CHECK(executable_candidates("ls", ":/bin:") == Names{"ls", "/bin/ls", "ls"});
}

TEST_CASE("a command with a slash is not looked for in PATH") {
  CHECK(executable_candidates("./run", "/bin") == Names{"./run"});
  CHECK(executable_candidates("/opt/x", "/bin") == Names{"/opt/x"});
}

TEST_CASE("an empty command is not found") {
  CHECK(executable_candidates("", "/bin").empty());
  const Names argv{""};
  const ExecPlan plan{argv, {}};
  const auto failure = plan.exec(good_leash(), system_clock);
  CHECK(failure.error_number == ENOENT);
  CHECK(plan.explain(failure).exit_status == 127);
}

TEST_CASE("a missing command is 127, one that cannot be executed 126, and each says why") {
  struct Case {
    const char* command;
    int exit_status;
    const char* words;
  };
  for (const Case& known :
       {Case{"no-such-command-anywhere", 127, "command not found"},
        Case{"echo a b", 127,
             "'echo a b': command not found: a line for the shell needs one: sh -c 'echo a b'"},
        Case{"/no/such/file", 127, "command not found"}, Case{"/dev/null/x", 127, "command not found"},
        Case{"/", 126, "permission denied"}, Case{"/dev/null", 126, "permission denied"}}) {
    CAPTURE(known.command);
    const Names argv{known.command};
    const ExecPlan plan{argv, {}};
    const NotStarted reason = plan.explain(plan.exec(good_leash(), system_clock));
    CHECK(reason.exit_status == known.exit_status);
    CHECK(reason.message.find(known.words) != std::string::npos);
  }
}

TEST_CASE("the shell is spoken of only where one word was meant as a line for it") {
  for (const Names& argv : {Names{"no-such-command-anywhere"}, Names{"no such", "a"}, Names{"a-b", "c d"}}) {
    CAPTURE(argv.front());
    const ExecPlan plan{argv, {}};
    const std::string message = plan.explain(plan.exec(good_leash(), system_clock)).message;
    CHECK(message.find("sh -c") == std::string::npos);
  }
}

TEST_CASE("arguments that are too long are 126, and the message says what to do") {
  const Names argv{"/bin/true", std::string(std::size_t{1} << 20U, 'x')};
  const ExecPlan plan{argv, {}};
  const auto failure = plan.exec(good_leash(), system_clock);
  CHECK(failure.error_number == E2BIG);
  CHECK(plan.explain(failure).exit_status == 126);
  CHECK(plan.explain(failure).message.find("too long") != std::string::npos);
}

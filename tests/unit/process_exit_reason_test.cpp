#include "process/exit_reason.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

using namespace redlock::process;

TEST_CASE("redlock exits as the command did, and with 128+N when signal N killed it") {
  CHECK(exit_status_of(Exited{0}) == 0);
  CHECK(exit_status_of(Exited{255}) == 255);
  CHECK(exit_status_of(Signalled{15}) == 143);
  CHECK(message_of(Exited{3}).empty());
  CHECK(message_of(Signalled{9}).empty());
}

TEST_CASE("a command that was stopped is 79, a killed guard 71, and both are told") {
  CHECK(exit_status_of(Stopped{}) == 79);
  CHECK(exit_status_of(GuardDied{}) == 71);
  CHECK(message_of(Stopped{}).find("stopped") != std::string::npos);
  CHECK(message_of(GuardDied{}).find("guard") != std::string::npos);
}

TEST_CASE("processes that could not be killed are counted in the message") {
  CHECK(message_of(Stopped{.survivors = 2}).find("2 of its processes") != std::string::npos);
  CHECK(message_of(Stopped{.late = std::chrono::milliseconds{40}}).find("40 ms after") != std::string::npos);
  CHECK(message_of(Stopped{}).find("of its processes") == std::string::npos);
}

TEST_CASE("a command that was not started has its own status and message") {
  CHECK(exit_status_of(NotStarted{127, "x: not found"}) == 127);
  CHECK(message_of(NotStarted{127, "x: not found"}) == "x: not found");
  CHECK(exit_status_of(fork_refused(EAGAIN)) == 71);
  CHECK(message_of(fork_refused(EAGAIN)).find("ulimit -u") != std::string::npos);
  CHECK(exit_status_of(too_late()) == 79);
}

#include "process/cancellation.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <optional>

using namespace redlock;
using namespace redlock::process;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{1000s};

// What ended a command that was told `signal` at the start and ended `later`; 0: it ended by itself.
int cancelled_by(int signal, const ExitReason& reason, Duration later) {
  Cancellation cancellation{5s};
  if (signal != 0) cancellation.on_signal(signal, kStart);
  return cancellation.cancelled_by(reason, kStart + later).value_or(0);
}

}  // namespace

TEST_SUITE("whether a command was cancelled") {
  TEST_CASE("a command that got no signal ended by itself, whatever its status") {
    CHECK(cancelled_by(0, Exited{0}, 1s) == 0);
    CHECK(cancelled_by(0, Exited{143}, 1s) == 0);
    CHECK(cancelled_by(0, Signalled{SIGKILL}, 1s) == 0);
    CHECK(cancelled_by(0, Signalled{SIGSEGV}, 1s) == 0);
  }

  TEST_CASE("a command that dies of a signal that asks to end was cancelled by it, from whatever sender") {
    for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) {
      CHECK(cancelled_by(0, Signalled{signal}, 0s) == signal);
      CHECK(cancelled_by(SIGTERM, Signalled{signal}, 1h) == signal);
    }
  }

  TEST_CASE("a command that was told to end and then dies or fails was cancelled") {
    for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) {
      CHECK(cancelled_by(signal, Exited{128 + signal}, 1h) == signal);
      CHECK(cancelled_by(signal, Exited{1}, 1h) == signal);
      CHECK(cancelled_by(signal, Signalled{SIGKILL}, 1h) == signal);
    }
  }

  TEST_CASE("an exit with 0 after TERM is due to it; after the others only for kill_after") {
    CHECK(cancelled_by(SIGTERM, Exited{0}, 1h) == SIGTERM);
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT}) {
      CHECK(cancelled_by(signal, Exited{0}, 5s) == signal);
      CHECK(cancelled_by(signal, Exited{0}, 6s) == 0);
    }
  }

  TEST_CASE("signals that do not ask to end do not count") {
    for (const int signal : {SIGUSR1, SIGALRM, SIGCONT, SIGWINCH, SIGTSTP})
      CHECK(cancelled_by(signal, Exited{1}, 0s) == 0);
  }

  TEST_CASE("a later signal does not revoke a TERM") {
    Cancellation cancellation{5s};
    cancellation.on_signal(SIGTERM, kStart);
    cancellation.on_signal(SIGHUP, kStart + 1s);
    CHECK(cancellation.cancelled_by(Exited{0}, kStart + 1h) == SIGTERM);
  }

  TEST_CASE("a command that was stopped with its lease, or never ran, leaves nothing to end") {
    CHECK(cancelled_by(SIGTERM, Stopped{}, 0s) == 0);
    CHECK(cancelled_by(SIGTERM, GuardDied{}, 0s) == 0);
    CHECK(cancelled_by(SIGTERM, NotStarted{127, ""}, 0s) == 0);
  }
}

#include "process/signal_fd.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <initializer_list>

using namespace redlock::process;

namespace {

signalfd_siginfo info_of(int signal, int code) {
  signalfd_siginfo info{};
  info.ssi_signo = static_cast<unsigned>(signal);
  info.ssi_code = code;
  return info;
}

}  // namespace

TEST_CASE("signals that the kernel sends for a terminal are not passed on") {
  for (const int signal : {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH, SIGCONT}) {
    CAPTURE(signal);
    CHECK(is_from_terminal(info_of(signal, SI_KERNEL)));
    CHECK_FALSE(is_for_command(info_of(signal, SI_KERNEL)));
  }
}

TEST_CASE("signals of timers, files and the power supply are passed on, although the kernel sends them") {
  for (const int signal : {SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGUSR1, SIGTERM}) {
    CAPTURE(signal);
    CHECK_FALSE(is_from_terminal(info_of(signal, SI_KERNEL)));
    CHECK(is_for_command(info_of(signal, SI_KERNEL)));
  }
}

TEST_CASE("signals that a process sends are passed on, except for SIGCHLD") {
  for (const int signal : {SIGINT, SIGHUP, SIGTERM, SIGTSTP, SIGWINCH, SIGALRM}) {
    CAPTURE(signal);
    CHECK_FALSE(is_from_terminal(info_of(signal, SI_USER)));
    CHECK(is_for_command(info_of(signal, SI_USER)));
  }
  CHECK_FALSE(is_for_command(info_of(SIGCHLD, CLD_EXITED)));
  CHECK_FALSE(is_for_command(info_of(SIGCHLD, SI_USER)));
}

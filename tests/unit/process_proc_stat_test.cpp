#include "process/proc_stat.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <string>

using namespace redlock::process;

namespace {

// As proc(5) has it: pid (name) state ppid pgrp session tty_nr tpgid flags ...
std::string stat_line(const std::string& name, char state) {
  return "4711 (" + name + ") " + state +
         " 815 4700 4600 34816 4700 4194304 90 0 0 0 0 0 0 0 20 0 1 0 123456 2703360 211 "
         "18446744073709551615 1 1 0\n";
}

}  // namespace

TEST_CASE("a process' parent, group and session are read from its stat line") {
  const auto stat = parse_proc_stat(stat_line("sleep", 'S'));
  REQUIRE(stat);
  CHECK(stat->pid == 4711);
  CHECK(stat->state == 'S');
  CHECK(stat->parent == 815);
  CHECK(stat->group == 4700);
  CHECK(stat->session == 4600);
}

TEST_CASE("a name with blanks, parentheses and digits does not mislead the reader of a stat line") {
  for (const char* name : {"a b", ")", "(", ") S 1 2 3", "x) Z 1 1 1 (", "", "evil) R 99"}) {
    CAPTURE(name);
    const auto stat = parse_proc_stat(stat_line(name, 'R'));
    REQUIRE(stat);
    CHECK(stat->pid == 4711);
    CHECK(stat->state == 'R');
    CHECK(stat->parent == 815);
  }
}

TEST_CASE("a cut or garbled stat line is not parsed") {
  const std::string line = stat_line("sleep", 'S');
  for (const std::string& text :
       {std::string{}, std::string{"4711"}, std::string{"4711 (sleep)"}, std::string{"4711 (sleep) S"},
        std::string{"4711 (sleep) S x 1 1"}, std::string{"(sleep) S 1 1 1"}, line.substr(0, 20)}) {
    CAPTURE(text);
    CHECK_FALSE(parse_proc_stat(text));
  }
}

TEST_CASE("the stat line of the current process is read") {
  const auto stat = read_proc_stat(getpid());
  REQUIRE(stat);
  CHECK(stat->pid == getpid());
  CHECK(stat->parent == getppid());
  CHECK(stat->group == getpgrp());
  CHECK(stat->session == getsid(0));
}

#pragma once

#include <string_view>

namespace redlock::log {

enum class Level {
  Error,    // why the program ends
  Warning,  // works, but the user should act
  Notice,   // what a person who waits wants to know
  Debug     // -v: votes, latencies, extensions
};

// Messages up to and including `level` are written. Default: Notice. Call before any thread starts.
void set_level(Level level) noexcept;
Level level() noexcept;
bool enabled(Level level) noexcept;

// Writes "redlock: MESSAGE\n" to stderr in one write(2), so that lines of several threads do not mix. A
// message must be one line, escaped (base/text.hpp) and free of secrets. A closed or full stderr is ignored:
// nothing that redlock does may depend on who reads its messages.
void error(std::string_view message) noexcept;
void warning(std::string_view message) noexcept;
void notice(std::string_view message) noexcept;
void debug(std::string_view message) noexcept;

// A line at the bottom of a terminal that is drawn over and over; messages take its place. `fd`: the terminal, which
// must be the one of stderr; -1: there is none any more, and the line is wiped. Any thread.
void set_overlay(int fd) noexcept;
void draw_overlay(std::string_view line) noexcept;  // replaces the line

}  // namespace redlock::log

#pragma once

#include <string_view>

namespace redlock::log {

enum class Level {
  Nothing,  // a threshold only
  Error,    // why the program ends
  Warning,  // works, but the user should act
  Notice,   // news for a person who waits
  Debug     // -v: votes, latencies, extensions
};

// Writes messages up to and including `level`. Default: Notice. Call it before any thread starts.
void set_level(Level level) noexcept;
Level level() noexcept;
bool enabled(Level level) noexcept;

// Writes "redlock: MESSAGE\n" to stderr in one write(2), so that the lines of threads do not mix, without the heap. A message must be one line,
// escaped (base/text.hpp) and free of secrets. A closed or full stderr is ignored: nothing that redlock does may depend on a
// reader of its messages.
void error(std::string_view message) noexcept;
void warning(std::string_view message) noexcept;
void warning_in_any_case(std::string_view message) noexcept;  // whatever the level
void notice(std::string_view message) noexcept;
void debug(std::string_view message) noexcept;
// A text to copy, below a notice: as it stands, with its newlines.
void example(std::string_view text) noexcept;

// A line at the bottom of the terminal that is redrawn in place; messages overwrite it. `fd`: the terminal, the same as that
// of stderr; -1 wipes the line and ends it. Any thread.
void set_overlay(int fd) noexcept;
void draw_overlay(std::string_view line) noexcept;  // replaces the line

}  // namespace redlock::log

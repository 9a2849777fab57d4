#include "cli/terminal/terminal.hpp"

#include <doctest/doctest.h>

using redlock::cli::clip;
using redlock::cli::display_width;

TEST_CASE("the width of a text is counted in columns, not in bytes") {
  CHECK(display_width("") == 0);
  CHECK(display_width("nightly") == 7);
  CHECK(display_width("gr\xc3\xbc\xc3\x9f") == 4);
  CHECK(display_width("\xe9\x94\x81") == 2);  // a CJK character
  CHECK(display_width("e\xcc\x81") == 1);     // a combining accent
}

TEST_CASE("what is too wide is cut between characters, and says so") {
  CHECK(clip("nightly", 7) == "nightly");
  CHECK(clip("nightly-backup", 7) == "nigh...");
  CHECK(clip("\xe9\x94\x81\xe9\x94\x81\xe9\x94\x81", 5) == "\xe9\x94\x81...");
  CHECK(clip("\xe9\x94\x81\xe9\x94\x81\xe9\x94\x81", 4) == "...");
  CHECK(clip("nightly", 2) == "..");
  CHECK(clip("nightly", 0).empty());
}

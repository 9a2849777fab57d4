#include "base/text.hpp"

#include <doctest/doctest.h>

#include <string>

using redlock::printable;
using redlock::quoted;

TEST_CASE("text that a terminal shows as it is stays as it is") {
  CHECK(printable("nightly-backup 42 {}'\"") == "nightly-backup 42 {}'\"");
  CHECK(printable("Zürich 東京 🔒") == "Zürich 東京 🔒");
  CHECK(printable("").empty());
}

TEST_CASE("characters that could break the line or control the terminal are escaped") {
  CHECK(printable("a\nb\r\tc\\") == "a\\nb\\r\\tc\\\\");
  CHECK(printable("\x1b[2J") == "\\x1b[2J");
  CHECK(printable(std::string_view{"a\0b", 3}) == "a\\x00b");
  CHECK(printable("\x7f") == "\\x7f");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");             // C1: CSI
  CHECK(printable("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // U+202E: writes the rest from right to left
  CHECK(printable("\xe2\x80\xa8") == "\\xe2\\x80\\xa8");  // U+2028: a line separator
}

TEST_CASE("bytes that are not valid UTF-8 are escaped one by one") {
  CHECK(printable("\xff") == "\\xff");
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");                    // overlong
  CHECK(printable("\xe0\x9f\xbf") == "\\xe0\\x9f\\xbf");           // overlong, three bytes
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  CHECK(printable("\xc3(") == "\\xc3(");
  CHECK(printable("caf\xc3") == "caf\\xc3");  // cut in the middle
}

TEST_CASE("long text is cut and says so") {
  CHECK(printable(std::string(512, 'a')) == std::string(512, 'a'));
  CHECK(printable(std::string(513, 'a')) == std::string(512, 'a') + "...");
  CHECK(printable("abcdef", 3) == "abc...");
}

TEST_CASE("quoted text stands between single quotes") {
  CHECK(quoted("a\nb") == "'a\\nb'");
  CHECK(quoted("abcdef", 3) == "'abc...'");
}

#include "cli/terminal/table.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace redlock::cli;
using Lines = std::vector<std::string>;

namespace {

Table table() {
  Table table{{"NODE", "VOTE", "NOTE"}};
  table.add({{.text = "redis://a:1/0"}, {.text = "held", .tone = Tone::Good}, {.text = ""}});
  table.add({{.text = "redis://bb:1/0"}, {.text = "none"}, {.text = "connection refused"}});
  return table;
}

}  // namespace

TEST_SUITE("tables") {
  TEST_CASE("columns are as wide as they need be, and nothing trails") {
    CHECK(table().render(palette(false)) == Lines{"NODE            VOTE  NOTE", "redis://a:1/0   held",
                                                  "redis://bb:1/0  none  connection refused"});
  }

  TEST_CASE("a column in which nothing stands is left out") {
    Table sparse{{"A", "B", "C"}};
    sparse.add({{.text = "x"}, {.text = ""}, {.text = "y"}});
    CHECK(sparse.render(palette(false)) == Lines{"A  C", "x  y"});
  }

  TEST_CASE("no line is wider than the terminal, whatever stands in it") {
    Table wide = table();
    wide.add({{.text = "redis://\xe9\x94\x81\xe9\x94\x81\xe9\x94\x81\xe9\x94\x81.example:6379/0"},
              {.text = "other", .tone = Tone::Bad},
              {.text = "gr\xc3\xbc\xc3\x9f gott, e\xcc\x81"}});
    for (std::size_t width = 0; width < 60; ++width) {
      for (const std::string& line : wide.render(palette(false), width, 2)) {
        CAPTURE(width);
        CAPTURE(line);
        CHECK(display_width(line) <= width);
      }
    }
  }

  TEST_CASE("where it is narrow the widest columns give way first") {
    const Lines lines = table().render(palette(false), 24);
    CHECK(lines[2] == "redis...  none  conne...");
  }

  TEST_CASE("colours take no columns") {
    CHECK(table().render(palette(true), 20)[1].find("\x1b[32mheld\x1b[0m") != std::string::npos);
    CHECK(table().render(palette(false))[1].find('\x1b') == std::string::npos);
  }
}

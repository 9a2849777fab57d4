#pragma once

#include "cli/terminal/terminal.hpp"

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::cli {

// The width of lines without a limit.
inline constexpr std::size_t kAnyWidth = std::numeric_limits<std::size_t>::max();

enum class Tone { Plain, Faint, Good, Doubtful, Bad };
std::string paint(const Palette& palette, Tone tone, std::string_view text);

// Text in columns below titles.
class Table {
 public:
  struct Cell {
    std::string text;  // printable()
    Tone tone = Tone::Plain;
  };

  explicit Table(std::vector<std::string> titles) : titles_{std::move(titles)} {}

  // As many cells as there are titles.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }

  // Lines of at most `width` columns, indented by `indent` blanks. The widest columns are cut first. Columns without any
  // text are left out.
  std::vector<std::string> render(const Palette& palette, std::size_t width = kAnyWidth,
                                  std::size_t indent = 0) const;

 private:
  std::vector<std::size_t> widths(std::size_t room) const;

  std::vector<std::string> titles_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace redlock::cli

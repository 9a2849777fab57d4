#include "cli/terminal/table.hpp"

#include <algorithm>

namespace redlock::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeastWidth = 6;  // a narrower column is useless

// Cuts off everything beyond `room` columns. A column of width 0 is left out. Colours are added last, because they take no
// columns.
std::string line_of(const std::vector<Table::Cell>& row, const std::vector<std::size_t>& widths,
                    const Palette& palette, std::size_t room) {
  std::string out;
  std::size_t used = 0;    // columns of `out`
  std::size_t blanks = 0;  // due before the next text
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (widths[i] == 0) continue;
    if (used + blanks >= room) break;
    const std::string text = clip(row[i].text, std::min(widths[i], room - used - blanks));
    const std::size_t columns = display_width(text);
    if (columns > 0) {
      out.append(blanks, ' ').append(paint(palette, row[i].tone, text));
      used += blanks + columns;
      blanks = 0;
    }
    blanks += widths[i] - std::min(columns, widths[i]) + kGap;
  }
  return out;
}

}  // namespace

std::string paint(const Palette& palette, Tone tone, std::string_view text) {
  const std::string_view code = tone == Tone::Faint      ? palette.dim
                                : tone == Tone::Good     ? palette.green
                                : tone == Tone::Doubtful ? palette.yellow
                                : tone == Tone::Bad      ? palette.red
                                                         : "";
  if (code.empty() || text.empty()) return std::string{text};
  return std::string{code}.append(text).append(palette.reset);
}

std::vector<std::size_t> Table::widths(std::size_t room) const {
  std::vector<std::size_t> widths(titles_.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i].text));
  }
  std::size_t total = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] == 0) continue;
    widths[i] = std::max(widths[i], display_width(titles_[i]));
    total += widths[i] + (total > 0 ? kGap : 0);
  }
  for (; total > room; --total) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kLeastWidth) break;
    --*widest;
  }
  return widths;
}

std::vector<std::string> Table::render(const Palette& palette, std::size_t width, std::size_t indent) const {
  indent = std::min(indent, width);
  const std::vector<std::size_t> columns = widths(width - indent);
  std::vector<Cell> head;
  for (const std::string& title : titles_) head.push_back({.text = title, .tone = Tone::Faint});
  std::vector<std::string> lines;
  const auto add = [&](const std::vector<Cell>& row) {
    lines.push_back(std::string(indent, ' ') + line_of(row, columns, palette, width - indent));
  };
  add(head);
  for (const auto& row : rows_) add(row);
  return lines;
}

}  // namespace redlock::cli

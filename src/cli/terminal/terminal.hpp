#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// The differences between a terminal and a file or pipe.
namespace redlock::cli {

enum class ColorWish { Auto, Always, Never };

bool is_terminal(int fd);

// Whether `fd` is the terminal of this process, and this process is in its foreground job. A background job must not
// overwrite others' lines.
bool is_in_foreground(int fd);

// Columns of the terminal `fd`; 80 if that is not known.
std::size_t terminal_columns(int fd);

// The columns that `text` takes. It must be printable() and have no escape sequences.
std::size_t display_width(std::string_view text);

// The first columns of printable `text`, ending in "..." if some were cut off. Never cuts a character.
std::string clip(std::string_view text, std::size_t columns);

// SGR sequences, empty without colours.
struct Palette {
  std::string_view bold, dim, red, green, yellow, reset;
};
const Palette& palette(bool color);

// The palette for standard output. ColorWish::Auto: colours on a terminal that is not "dumb", unless NO_COLOR is set
// (no-color.org).
const Palette& output_palette(ColorWish wish);

}  // namespace redlock::cli

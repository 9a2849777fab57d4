#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// What a person at a terminal sees, as against a file or a pipe.
namespace redlock::cli {

enum class ColorWish { Auto, Always, Never };

// Whether to write colours to `fd`: as wished; by default on a terminal that is not "dumb", unless NO_COLOR is set
// (no-color.org).
bool use_color(ColorWish wish, int fd);

bool is_terminal(int fd);

// Whether `fd` is the terminal of this process and the job in its foreground is ours: others' lines are not to be
// written over.
bool is_in_foreground(int fd);

// Columns of the terminal behind `fd`; 80 where that is not known.
std::size_t terminal_columns(int fd);

// How many columns `text` takes; it must be printable() and have no escape sequences.
std::size_t display_width(std::string_view text);

// The first columns of printable `text`, with "..." at the end where something was cut off. Never cuts a character.
std::string clip(std::string_view text, std::size_t columns);

// SGR sequences, empty where colours are off.
struct Palette {
  std::string_view bold, dim, red, green, yellow, reset;
};
const Palette& palette(bool color);

}  // namespace redlock::cli

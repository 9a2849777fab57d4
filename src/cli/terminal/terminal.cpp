#include "cli/terminal/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <cwchar>

namespace redlock::cli {
namespace {

constexpr std::size_t kUsualColumns = 80;
constexpr std::string_view kEllipsis = "...";

// Each byte of ASCII is a column. Loading a locale would cost more time than asking the nodes.
bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Sets the encoding to UTF-8 in this scope, whatever the user's locale: printable() yields UTF-8.
class Utf8Scope {
 public:
  Utf8Scope() : utf8_{newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)} {
    if (utf8_ != nullptr) found_ = uselocale(utf8_);
  }
  Utf8Scope(const Utf8Scope&) = delete;
  Utf8Scope& operator=(const Utf8Scope&) = delete;
  ~Utf8Scope() {
    if (utf8_ == nullptr) return;
    uselocale(found_);
    freelocale(utf8_);
  }

 private:
  locale_t utf8_;
  locale_t found_ = nullptr;
};

// The size of the first character of `text`: bytes (at least 1) and columns.
struct Glyph {
  std::size_t bytes;
  std::size_t columns;
};
Glyph first_glyph(std::string_view text) {
  wchar_t character{};
  std::mbstate_t state{};
  const std::size_t bytes = std::mbrtowc(&character, text.data(), text.size(), &state);
  if (bytes == 0 || bytes > text.size()) return {1, 1};  // NUL, malformed
  const int columns = ::wcwidth(character);
  return {bytes, columns < 0 ? 1 : static_cast<std::size_t>(columns)};
}

std::size_t width_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Glyph glyph = first_glyph(text);
    columns += glyph.columns;
    text.remove_prefix(glyph.bytes);
  }
  return columns;
}

// The longest beginning of `text` that fits into `columns`.
std::string_view beginning(std::string_view text, std::size_t columns) {
  std::size_t bytes = 0;
  for (std::size_t taken = 0; bytes < text.size();) {
    const Glyph glyph = first_glyph(text.substr(bytes));
    taken += glyph.columns;
    if (taken > columns) break;
    bytes += glyph.bytes;
  }
  return text.substr(0, bytes);
}

}  // namespace

bool is_terminal(int fd) {
  return isatty(fd) == 1;
}

bool is_in_foreground(int fd) {
  return tcgetpgrp(fd) == getpgrp();
}

std::size_t terminal_columns(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualColumns;
}

std::size_t display_width(std::string_view text) {
  if (is_ascii(text)) return text.size();
  const Utf8Scope utf8;
  return width_of(text);
}

std::string clip(std::string_view text, std::size_t columns) {
  if (is_ascii(text) && text.size() <= columns) return std::string{text};
  const Utf8Scope utf8;
  if (width_of(text) <= columns) return std::string{text};
  const std::size_t dots = std::min(columns, kEllipsis.size());
  return std::string{beginning(text, columns - dots)} + std::string{kEllipsis.substr(0, dots)};
}

const Palette& palette(bool color) {
  static constexpr Palette on{"\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"};
  static constexpr Palette off{};
  return color ? on : off;
}

const Palette& output_palette(ColorWish wish) {
  if (wish != ColorWish::Auto) return palette(wish == ColorWish::Always);
  const char* const no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return palette(false);
  const char* const terminal = std::getenv("TERM");
  return palette(is_terminal(STDOUT_FILENO) && terminal != nullptr && std::strcmp(terminal, "dumb") != 0);
}

}  // namespace redlock::cli

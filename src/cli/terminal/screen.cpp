#include "cli/terminal/screen.hpp"

#include "base/error.hpp"
#include "cli/terminal/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace redlock::cli {
namespace {

// Sequences of xterm and its successors: switch to the other buffer and hide the cursor; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kEraseRestOfLine = "\x1b[K";
constexpr std::string_view kEraseBelow = "\x1b[J";

constexpr std::size_t kUsualRows = 24;

std::size_t rows() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : kUsualRows;
}

}  // namespace

Screen::~Screen() {
  try {
    leave();
  } catch (const Error&) {  // the terminal is gone
    return;
  }
}

// One write that overwrites the former picture does not flicker.
void Screen::draw(const std::vector<std::string>& lines) {
  std::string picture;
  if (!entered_) picture += kEnter;
  entered_ = true;
  picture += kHome;
  const std::size_t shown = std::min(lines.size(), rows());
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) picture += "\r\n";
    picture.append(lines[i]).append(kEraseRestOfLine);
  }
  picture += kEraseBelow;
  print(picture);
}

void Screen::leave() {
  if (!entered_) return;
  entered_ = false;
  print(kLeave);
}

}  // namespace redlock::cli

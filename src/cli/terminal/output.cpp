#include "cli/terminal/output.hpp"

#include "base/error.hpp"

#include <unistd.h>

#include <cerrno>

namespace redlock::cli {

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      throw SystemError{"cannot write to standard output", errno};
    }
  }
}

void print(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text.append(line).append("\n");
  print(text);
}

}  // namespace redlock::cli

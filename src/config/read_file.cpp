#include "config/read_file.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace redlock::config {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;

// Appends without leaving an unwiped copy if the text outgrows its memory.
void append(Secret& text, std::string_view more) {
  std::string joined;
  joined.reserve(text.reveal().size() + more.size());
  joined.append(text.reveal()).append(more);
  text = Secret{std::move(joined)};
}

}  // namespace

ReadResult read_file(const std::string& path) {
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return {.content = std::nullopt, .error = errno};

  FileContent content;
  content.world_readable = S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0;
  std::array<char, 16'384> buffer;
  int error = 0;
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    append(content.text, {buffer.data(), static_cast<std::size_t>(got)});
    if (content.text.reveal().size() > kMostBytes) {
      error = EFBIG;
      break;
    }
  }
  explicit_bzero(buffer.data(), buffer.size());
  if (error != 0) return {.content = std::nullopt, .error = error};
  return {.content = std::move(content), .error = 0};
}

}  // namespace redlock::config

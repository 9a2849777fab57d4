#include "config/read_file.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <fcntl.h>
#include <poll.h>
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

constexpr int kWaitForWriterMs = 10'000;

// Waits until there is something to read, or the last writer has gone. False after `limit_ms` (-1: none).
bool has_more(int fd, int limit_ms) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  int ready = 0;
  while ((ready = ::poll(&wanted, 1, limit_ms)) < 0 && errno == EINTR) continue;
  return ready > 0;
}

// Appends without leaving an unwiped copy if the text outgrows its memory.
void append(Secret& text, std::string_view more) {
  std::string joined;
  joined.reserve(text.reveal().size() + more.size());
  joined.append(text.reveal()).append(more);
  text = Secret{std::move(joined)};
}

}  // namespace

ReadResult read_file(const std::string& path) {
  // O_NONBLOCK: otherwise a named pipe into which nobody writes would keep open(2) waiting for ever.
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0)
    return {.content = std::nullopt, .error = errno_text(errno)};

  FileContent content;
  content.world_readable = S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0;
  bool may_lack_writer = S_ISFIFO(status.st_mode);
  std::array<char, 16'384> buffer;
  std::string error;
  while (error.empty()) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      has_more(file.get(), -1);
    } else if (got < 0) {
      error = errno_text(errno);
    } else if (got > 0) {
      append(content.text, {buffer.data(), static_cast<std::size_t>(got)});
      if (content.text.reveal().size() > kMostBytes) error = errno_text(EFBIG);
    } else if (!std::exchange(may_lack_writer, false) || !content.text.reveal().empty()) {
      break;
    } else if (!has_more(file.get(), kWaitForWriterMs)) {
      error = "nobody writes into this pipe";
    }
  }
  explicit_bzero(buffer.data(), buffer.size());
  if (!error.empty()) return {.content = std::nullopt, .error = std::move(error)};
  return {.content = std::move(content), .error = {}};
}

}  // namespace redlock::config

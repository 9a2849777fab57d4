#include "sandbox/private_file.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace redlock::sandbox {

void write_private_file(const std::string& path, std::string_view text) {
  const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!file) throw SystemError{"cannot create " + path, errno};
  while (!text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw SystemError{"cannot write to " + path, errno};
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace redlock::sandbox

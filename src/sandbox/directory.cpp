#include "sandbox/directory.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace redlock::sandbox {

TemporaryDirectory::TemporaryDirectory() {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string{base != nullptr && *base != '\0' ? base : "/tmp"} + "/redlock-sandbox.XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) throw SystemError{"cannot create the folder " + path_, errno};
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace redlock::sandbox

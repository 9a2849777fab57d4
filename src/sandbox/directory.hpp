#pragma once

#include <string>

namespace redlock::sandbox {

// A folder of its own (mode 0700) below $TMPDIR or /tmp, removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();  // throws SystemError
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace redlock::sandbox

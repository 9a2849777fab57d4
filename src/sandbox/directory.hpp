#pragma once

#include "base/fd.hpp"

#include <sys/types.h>

#include <string>

namespace redlock::sandbox {

// A folder of its own (mode 0700) below $TMPDIR or /tmp. A small process beside this one, the sweeper, makes it, and removes
// it with all that is in it on destruction, or when this process ends in any other way, by SIGKILL too.
class TemporaryDirectory {
 public:
  // Forks, so call it before there is a second thread. Throws SystemError.
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  const std::string& path() const { return path_; }  // absolute

 private:
  void end_sweeper() noexcept;

  std::string path_;
  UniqueFd channel_;  // the sweeper sees its end when this process is gone
  pid_t sweeper_ = -1;
};

}  // namespace redlock::sandbox

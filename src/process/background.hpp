#pragma once

#include "base/fd.hpp"
#include "process/channel.hpp"

#include <sys/types.h>

#include <initializer_list>
#include <string>

namespace redlock::process {

// A process that goes on after redlock itself has ended, and the channel between the two: datagrams, and end of file when the
// other one is gone.
class Background {
 public:
  // Forks, so call it before there is a second thread. The background process has a session of its own, without a terminal.
  // Its standard input and output are /dev/null; of the other descriptors it keeps standard error and `keep` (-1: none). If
  // its starter dies before detach(), it gets SIGTERM. Throws SystemError.
  static Background start(std::initializer_list<int> keep);

  bool is_background() const noexcept { return pid_ == 0; }

  // ---- In both processes. These never block and never raise SIGPIPE.
  int fd() const noexcept { return fd_.get(); }
  bool send(const std::string& message) const noexcept;  // false when the other one is gone
  Receipt receive(std::string& message) const;

  // ---- In the starter.
  // Asks it to stop, by SIGTERM and end of file.
  void stop() noexcept;
  // Waits for its end. Returns the status from waitpid(2). Call it once.
  int wait() noexcept;
  // Waits until it and its children have closed the channel, for a second at most.
  void await_detach() const noexcept;

  // ---- In the background process. Goes on alone, without standard error, in the folder /.
  void detach();

 private:
  Background(pid_t pid, UniqueFd fd) noexcept : pid_{pid}, fd_{static_cast<UniqueFd&&>(fd)} {}

  pid_t pid_;
  UniqueFd fd_;
};

}  // namespace redlock::process

#pragma once

#include "base/fd.hpp"

#include <sys/types.h>

#include <initializer_list>
#include <string>

namespace redlock::process {

// A process that works on after redlock itself has ended, and how the two talk until then: datagrams over a pair of
// sockets, whose end says that the other one is gone.
class Background {
 public:
  // Forks; call it before there is a second thread. The background process is in a session of its own, without a
  // terminal; its standard input and output are /dev/null, and of the descriptors that redlock was given or has opened
  // it keeps standard error and `keep` (of which -1 is none). Should its starter die before it is let go, it gets SIGTERM.
  // Throws SystemError.
  static Background start(std::initializer_list<int> keep);

  bool is_background() const noexcept { return pid_ == 0; }

  // ---- In both: never block, and never raise SIGPIPE.
  int fd() const noexcept { return fd_.get(); }
  bool send(const std::string& message) const noexcept;  // false when the other one is gone
  enum class Receipt { Got, Nothing, Closed };
  Receipt receive(std::string& message) const;

  // ---- In the starter.
  // Asks it to stop: SIGTERM while it waits for something, and the end of the file.
  void stop() noexcept;
  // Waits for its end; returns what waitpid(2) says. Once only.
  int wait() noexcept;
  // Waits until it, and whatever it has forked, has let go: for a second at most.
  void await_detach() const noexcept;

  // ---- In the background process: lives on by itself, without standard error and out of the folder that it was started
  // in.
  void detach();

 private:
  Background(pid_t pid, UniqueFd fd) noexcept : pid_{pid}, fd_{static_cast<UniqueFd&&>(fd)} {}

  pid_t pid_;
  UniqueFd fd_;
};

}  // namespace redlock::process

#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace redlock::cli {

// One line at the bottom of a terminal that is written anew once a second, and goes when this object does. Messages of
// the log take its place until the next second. A thread of its own writes it: how long it takes, and whether it can
// be written at all, holds up nobody. A job in the background does not write it.
class LiveLine {
 public:
  explicit LiveLine(int fd) : fd_{fd} {}
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;
  ~LiveLine() { clear(); }

  // Shows what `text` returns, which is called on another thread: printable, without line ends. Cut to the width of
  // the terminal.
  void show(std::function<std::string()> text);

  // Takes the line away, and ends the thread.
  void clear();

 private:
  void run();

  int fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<std::string()> text_;  // guarded by `mutex_`; none: the end
  std::thread thread_;
};

}  // namespace redlock::cli

#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace redlock::cli {

// A line at the bottom of a terminal that is rewritten once a second and removed with this object. Messages of the log
// replace it until the next second. A separate thread writes it, so that a slow terminal delays nothing. A job in the
// background does not write it.
class LiveLine {
 public:
  explicit LiveLine(int fd) : fd_{fd} {}
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;
  ~LiveLine() { clear(); }

  // Shows the result of `text`, cut to the width of the terminal. Another thread calls it; it must return printable text
  // without line ends.
  void show(std::function<std::string()> text);

  // Removes the line and ends the thread.
  void clear();

 private:
  void run();

  int fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<std::string()> text_;  // guarded by `mutex_`; empty: the thread ends
  std::thread thread_;
};

}  // namespace redlock::cli

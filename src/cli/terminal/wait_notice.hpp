#pragma once

#include "base/clock.hpp"
#include "cli/terminal/live_line.hpp"
#include "lock/session.hpp"
#include "quorum/acquire_op.hpp"

#include <cstddef>
#include <string>
#include <variant>

namespace redlock::cli {

// Tells a person that redlock waits for a lock, and for what. On a terminal: one line that stays up to date. Elsewhere:
// a line when the waiting begins and when its reason changes, not one for each attempt.
class WaitNotice {
 public:
  WaitNotice(const std::string& name, const lock::Session& session);

  void waiting(const quorum::AcquireVerdict& verdict);
  void granted();  // says so, if it was waited for

  // Whether there is a line that somebody may be reading.
  bool live() const noexcept { return live_; }

  // Takes the line of a terminal away: before redlock goes, or does something else.
  void clear() { line_.clear(); }

 private:
  const std::string& name_;
  const lock::Session& session_;
  bool live_;
  TimePoint began_ = BootClock::now();
  std::size_t last_kind_ = std::variant_npos;
  LiveLine line_;
};

// The line of a terminal: "waiting for 'nightly' 12s, 2nd of 5 in line: held by ..., expires in 21s unless extended".
// `heard`: when `verdict` came in.
std::string waiting_line(const std::string& name, const quorum::AcquireVerdict& verdict, TimePoint began,
                         TimePoint heard, Now now);

}  // namespace redlock::cli

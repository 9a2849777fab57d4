#pragma once

#include "base/clock.hpp"
#include "cli/messages.hpp"
#include "cli/terminal/live_line.hpp"
#include "lock/acquirer.hpp"
#include "quorum/acquire_verdict.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace redlock::cli {

// Reports that redlock waits for a lock, and why: on a terminal in one line that stays up to date, elsewhere in a line when
// the waiting begins and whenever the reason changes.
class WaitNotice {
 public:
  WaitNotice(const std::vector<std::string>& names, const lock::Acquirer& acquirer);

  void waiting(const quorum::AcquireVerdict& verdict);
  void granted();  // reports it if redlock had to wait

  // Removes the line of the terminal, before redlock ends or goes on.
  void clear() { line_.clear(); }

 private:
  const std::vector<std::string>& names_;
  const lock::Acquirer& acquirer_;
  bool live_;
  TimePoint began_ = BootClock::now();
  std::optional<KindOfWait> last_kind_;  // kind_of_wait()
  LiveLine line_;
};

// The line of a terminal: "waiting for 'nightly' 12s, 2nd of 5 in line: held by ..., expires in 21s unless extended".
// `heard`: the time of `verdict`.
std::string waiting_line(const std::vector<std::string>& names, const quorum::AcquireVerdict& verdict,
                         TimePoint began, TimePoint heard, Now now);

}  // namespace redlock::cli

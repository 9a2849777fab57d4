#pragma once

#include "base/clock.hpp"
#include "process/exit_reason.hpp"

#include <optional>

namespace redlock::process {

// Whether a signal asks a program to end: TERM, HUP, INT, QUIT.
bool asks_to_end(int signal) noexcept;

// Whether the command was cancelled: told to end by a signal, and ended by it. What it leaves running then has to end
// too, before another holder begins with the same work (redlock(1), "SIGNALS").
class Cancellation {
 public:
  // kill_after: for how long after HUP, INT or QUIT an exit with 0 counts as due to it.
  explicit Cancellation(Duration kill_after) noexcept : kill_after_{kill_after} {}

  // The command got `signal`, by redlock or by the terminal. Signals that do not ask to end are not heeded.
  void told(int signal, TimePoint now) noexcept;

  // The command has ended at `now`: the signal that ended it; none: it ended by itself, and may leave daemons behind.
  //
  // It was ended by a signal when it died of one that asks to end, whoever sent it; when it was told to end and died of
  // another, or exited with a status other than 0; when it exited with 0 after TERM, or within kill_after of the others,
  // which some programs take for something else: to read their configuration again, to interrupt one request.
  std::optional<int> cancelled_by(const ExitReason& reason, TimePoint now) const noexcept;

 private:
  Duration kill_after_;
  std::optional<int> asked_;  // the last
  TimePoint asked_at_{};
};

}  // namespace redlock::process

#pragma once

#include "base/clock.hpp"
#include "process/exit_reason.hpp"

#include <optional>

namespace redlock::process {

// Whether a signal asks a program to end: TERM, HUP, INT, QUIT.
bool asks_to_end(int signal) noexcept;

// Decides whether the command was cancelled: a signal told it to end, and it ended because of that. Processes that it leaves
// running must end then, too, before another holder begins with the same work (redlock(1), "SIGNALS").
class Cancellation {
 public:
  // kill_after: an exit with 0 up to this long after HUP, INT or QUIT counts as caused by it.
  explicit Cancellation(Duration kill_after) noexcept : kill_after_{kill_after} {}

  // The command got `signal`, from redlock or the terminal. Signals that do not ask to end are ignored.
  void on_signal(int signal, TimePoint now) noexcept;

  // The signal that ended the command, which ended at `now`. None if it ended by itself and may leave daemons behind.
  //
  // A signal ended it if it died of one that asks to end, from whatever sender; if it was told to end and died of another
  // signal or exited with a status other than 0; and if it exited with 0 after TERM or within kill_after of HUP, INT or
  // QUIT. Some programs take those three for something else, such as reading their configuration again.
  std::optional<int> cancelled_by(const ExitReason& reason, TimePoint now) const noexcept;

 private:
  Duration kill_after_;
  std::optional<int> asked_;  // the last
  TimePoint asked_at_{};
};

}  // namespace redlock::process

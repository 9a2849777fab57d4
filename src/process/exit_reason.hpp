#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <variant>

namespace redlock::process {

struct Exited {
  int status;  // 0-255
};
struct Signalled {
  int signal;
};
// The lease ended or was lost, and the whole tree is dead, except for `survivors` processes that redlock may not kill (those
// of another user, by sudo or the like).
struct Stopped {
  int survivors = 0;
  std::chrono::milliseconds late{0};  // how long after the end of validity the last one died
};
// The guard was killed, and the whole tree with it.
struct GuardDied {
  int survivors = 0;
};
struct NotStarted {
  int exit_status;      // 126, 127, 71, or 79 when the lease was over before the exec
  std::string message;  // for the user
};
// How the command ended.
using ExitReason = std::variant<Exited, Signalled, Stopped, GuardDied, NotStarted>;

// Why no candidate for the command could be executed.
struct ExecFailure {
  int error_number = 0;
  std::size_t candidate = 0;
  bool too_late = false;  // TERM was due before
};

NotStarted fork_refused(int error_number);
NotStarted lists_refused(int error_number);
NotStarted too_late();

// The warning for a cancelled command of which processes are left.
std::string survivors_message(int survivors);

// The warning for a process that KILL does not end, or that may not be killed.
std::string stuck_message(const std::string& process, bool refused);

// Redlock's exit status for it (DESIGN section 2).
int exit_status_of(const ExitReason& reason);

// The message for the user, without "redlock: ". Empty if the command ended by itself.
std::string message_of(const ExitReason& reason);

}  // namespace redlock::process

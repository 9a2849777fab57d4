#pragma once

#include <chrono>
#include <string>
#include <variant>

namespace redlock::process {

// How the command ended.
struct Exited {
  int status;  // 0-255
};
struct Signalled {
  int signal;
};
// The lease ended, or was lost, and the whole tree is dead; but for `survivors` processes that the kernel did
// not let us kill (another user's, by sudo or the like).
struct Stopped {
  int survivors = 0;
  std::chrono::milliseconds late{0};  // how long after the end of validity the last one died
};
// The guard was killed, and so the whole tree at once.
struct GuardDied {
  int survivors = 0;
};
struct NotStarted {
  int exit_status;      // 126, 127, 71, or 79 when the lease was over before the exec
  std::string message;  // for the user
};
using ExitReason = std::variant<Exited, Signalled, Stopped, GuardDied, NotStarted>;

// Three ways of not being started.
NotStarted fork_refused(int error_number);
NotStarted lists_refused(int error_number);
NotStarted too_late();

// For the user, where a command that was cancelled could not be ended whole.
std::string survivors_message(int survivors);

// The exit status of redlock for it (DESIGN section 2).
int exit_status_of(const ExitReason& reason);

// What to tell the user, without "redlock: ". Empty when the command ended by itself.
std::string message_of(const ExitReason& reason);

}  // namespace redlock::process

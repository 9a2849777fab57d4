#include "process/exit_reason.hpp"

#include "base/error.hpp"
#include "base/overload.hpp"

#include <fmt/format.h>

namespace redlock::process {
namespace {

std::string survivors_text(int survivors) {
  if (survivors == 0) return {};
  return fmt::format(
      ", but for {} of its processes that belong to another user: they run on without the lock, stop them",
      survivors);
}

// With survivors the time of the report says nothing about a TTL that is too short.
std::string late_text(const Stopped& stopped) {
  if (stopped.survivors > 0 || stopped.late == std::chrono::milliseconds{0}) return {};
  return fmt::format(
      "; the last of its processes ended {} ms after the lease, and another host may have had the lock by "
      "then: so many "
      "processes, or so busy a machine, need a longer --ttl",
      stopped.late.count());
}

}  // namespace

NotStarted fork_refused(int error_number) {
  return {
      exit_status::kSystem,
      fmt::format(
          "cannot start a process: {}: too many processes (see `ulimit -u` and pids.max of the cgroup) or "
          "too little memory",
          errno_text(error_number))};
}

NotStarted lists_refused(int error_number) {
  return {exit_status::kSystem,
          fmt::format("cannot run a command: cannot open the list of its processes in /proc: {}",
                      errno_text(error_number))};
}

NotStarted too_late() {
  return {exit_status::kLost, "the lock was lost before the command could be started"};
}

std::string survivors_message(int survivors) {
  return "the command was ended" + survivors_text(survivors);
}

std::string stuck_message(const std::string& process, bool refused) {
  if (refused) {
    return fmt::format(
        "cannot kill {}, which belongs to another user: waiting for it until the lease ends. End it as that "
        "user",
        process);
  }
  return fmt::format(
      "waiting for {}, which was killed and does not end: it is frozen, traced or waiting for a device",
      process);
}

int exit_status_of(const ExitReason& reason) {
  return std::visit(Overload{[](const Exited& exited) { return exited.status; },
                             [](const Signalled& killed) { return exit_status::kSignalBase + killed.signal; },
                             [](const Stopped&) { return exit_status::kLost; },
                             [](const GuardDied&) { return exit_status::kSystem; },
                             [](const NotStarted& refused) { return refused.exit_status; }},
                    reason);
}

std::string message_of(const ExitReason& reason) {
  return std::visit(
      Overload{
          [](const Exited&) { return std::string{}; }, [](const Signalled&) { return std::string{}; },
          [](const Stopped& stopped) {
            return "the lock was lost: the command was stopped" + survivors_text(stopped.survivors) +
                   late_text(stopped);
          },
          [](const GuardDied& died) {
            return "the guard process of the command was killed, or does not go on: the command was killed "
                   "with it" +
                   survivors_text(died.survivors);
          },
          [](const NotStarted& refused) { return refused.message; }},
      reason);
}

}  // namespace redlock::process

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace redlock::process {

// What /proc/PID/stat says of a process (proc(5)).
struct ProcStat {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
};

// Nothing when the text is not of that form. The name in parentheses may hold blanks and parentheses itself.
// Async-signal-safe, like the next.
std::optional<ProcStat> parse_proc_stat(std::string_view text) noexcept;

// Reads /proc/PID/stat. `proc` is a descriptor of /proc. Nothing when there is no such process.
std::optional<ProcStat> read_proc_stat(int proc, const char* pid) noexcept;
std::optional<ProcStat> read_proc_stat(int proc, pid_t pid) noexcept;
std::optional<ProcStat> read_proc_stat(pid_t pid) noexcept;

// The name of a process as /proc/PID/comm has it, raw; "?" when there is none.
std::string process_name(pid_t pid);

}  // namespace redlock::process

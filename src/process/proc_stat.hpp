#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace redlock::process {

// The part of /proc/PID/stat (proc(5)) that redlock uses.
struct ProcStat {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
};

// Nothing if the text has another form. The name in parentheses may contain blanks and parentheses. Async-signal-safe.
std::optional<ProcStat> parse_proc_stat(std::string_view text) noexcept;

// Reads /proc/PID/stat. Nothing if there is no such process. Async-signal-safe.
std::optional<ProcStat> read_proc_stat(pid_t pid) noexcept;

// The content of /proc/PID/comm, unescaped; "?" if there is no such process.
std::string process_name(pid_t pid);

}  // namespace redlock::process

#include "process/executable.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <fstream>

namespace redlock::process {
namespace {

constexpr std::string_view kPathWhenUnset = "/bin:/usr/bin";  // as execvp(3)

std::string_view search_path() {
  const char* path = std::getenv("PATH");
  return path == nullptr ? kPathWhenUnset : path;
}

// After these errors of execve(2), execvp(3) tries the next entry of PATH.
bool try_next_after(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case ESTALE:
    case ENODEV:
    case ETIMEDOUT: return true;
    default: return false;
  }
}

bool names_variable(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry.substr(0, name.size()) == name && entry[name.size()] == '=';
}

struct Reason {
  int error_number;
  const char* text;
};

constexpr Reason kReasons[] = {
    {EACCES,
     "permission denied: is it a file with execute permission (chmod +x), on a file system without noexec?"},
    {ENOEXEC, "not a program of this machine, nor a script whose first line begins with '#!'"},
    {E2BIG, "its arguments and environment are too long: pass them in a file or on standard input"},
    {ETXTBSY, "it is being written to at this moment"},
    {ELOOP, "too many symbolic links"},
    {ENAMETOOLONG, "its name is too long"},
};

// After execve(2) has said that there is no such file, although there is.
std::string missing_interpreter_text(const std::string& path) {
  std::array<char, 256> beginning{};  // as much as the kernel looks at
  std::ifstream file{path, std::ios::binary};
  file.read(beginning.data(), beginning.size());
  const std::string_view text{beginning.data(), static_cast<std::size_t>(file.gcount())};
  if (!text.starts_with("#!"))
    return "the interpreter that it names (first line, or ELF loader) is not there";
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::size_t begin = std::min(line.find_first_not_of(" \t", 2), line.size());
  const std::string_view interpreter = line.substr(begin, line.find_first_of(" \t", begin) - begin);
  return fmt::format("the interpreter that its first line names, {}, is not there{}", quoted(interpreter),
                     interpreter.ends_with('\r')
                         ? ": its lines end as those of Windows do (CRLF). Convert it: sed -i 's/\\r$//' FILE"
                         : "");
}

std::string reason_text(int error_number) {
  for (const Reason& reason : kReasons) {
    if (reason.error_number == error_number) return reason.text;
  }
  return errno_text(error_number);
}

}  // namespace

std::vector<std::string> executable_candidates(std::string_view name, std::string_view path) {
  if (name.empty()) return {};
  if (name.find('/') != std::string_view::npos) return {std::string{name}};
  std::vector<std::string> candidates;
  for (;;) {
    const std::size_t colon = path.find(':');
    std::string candidate{path.substr(0, colon)};
    if (!candidate.empty()) candidate += '/';
    candidates.push_back(candidate.append(name));
    if (colon == std::string_view::npos) return candidates;
    path.remove_prefix(colon + 1);
  }
}

ExecPlan::ExecPlan(const std::vector<std::string>& argv, const Environment& extra)
    : name_{argv.empty() ? std::string{} : argv.front()},
      candidates_{executable_candidates(name_, search_path())} {
  argv_.reserve(argv.size() + 1);
  for (const std::string& argument : argv) argv_.push_back(const_cast<char*>(argument.c_str()));
  argv_.push_back(nullptr);

  added_.reserve(extra.size());  // environment_ points into its strings
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const bool replaced = std::any_of(extra.begin(), extra.end(), [entry](const auto& added) {
      return names_variable(*entry, added.first);
    });
    if (!replaced) environment_.push_back(*entry);
  }
  for (const auto& [name, value] : extra) {
    if (!value) continue;
    std::string& entry = added_.emplace_back(name);
    entry.append("=").append(*value);
    environment_.push_back(entry.data());
  }
  environment_.push_back(nullptr);
}

ExecFailure ExecPlan::exec(const Leash& leash, Clock& clock) const noexcept {
  ExecFailure failure{.error_number = ENOENT};
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (leash.term_is_due(clock.boot_now()))
      return {.error_number = ETIMEDOUT, .candidate = i, .too_late = true};
    execve(candidates_[i].c_str(), argv_.data(), environment_.data());
    const int error_number = errno;
    // One "permission denied" is more useful to the user than "not found" from all other candidates.
    if (error_number == EACCES || !try_next_after(error_number))
      failure = {.error_number = error_number, .candidate = i};
    if (!try_next_after(error_number)) break;
  }
  return failure;
}

NotStarted ExecPlan::explain(const ExecFailure& failure) const {
  if (failure.too_late) return too_late();
  const std::string shown = quoted(name_);
  if (failure.error_number != ENOENT && failure.error_number != ENOTDIR) {
    const bool known = failure.candidate < candidates_.size();
    return {exit_status::kNotExecutable,
            fmt::format("cannot execute {}: {}", known ? quoted(candidates_[failure.candidate]) : shown,
                        reason_text(failure.error_number))};
  }
  for (const std::string& candidate : candidates_) {
    // The kernel also says "no such file" when the interpreter of a script is missing.
    if (access(candidate.c_str(), X_OK) != 0) continue;
    return {exit_status::kNotFound,
            fmt::format("cannot execute {}: {}", quoted(candidate), missing_interpreter_text(candidate))};
  }
  // redlock starts no shell, so that one word with blanks in it was meant as a line for one.
  constexpr std::size_t one_word = 2;  // and the null pointer
  if (argv_.size() == one_word && name_.find_first_of(" \t\n;|&<>$`") != std::string::npos) {
    return {exit_status::kNotFound,
            fmt::format("{}: command not found: a line for the shell needs one: sh -c {}", shown, shown)};
  }
  const bool searched = name_.find('/') == std::string::npos;
  return {exit_status::kNotFound,
          fmt::format("{}: command not found{}", shown, searched ? ": is its directory in PATH?" : "")};
}

}  // namespace redlock::process

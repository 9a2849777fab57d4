#include "sandbox/server_program.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "process/executable.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace redlock::sandbox {
namespace {

constexpr std::array kPrograms{"redis-server", "valkey-server", "redict-server"};

// The output of the program; empty if it cannot be run.
std::string output_of(const std::string& program, const char* argument) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw SystemError{"cannot create a pipe", errno};
  const UniqueFd reader{ends[0]};
  UniqueFd writer{ends[1]};
  const char* const argv[] = {program.c_str(), argument, nullptr};
  const pid_t pid = fork();
  if (pid < 0) throw SystemError{"cannot start " + program, errno};
  if (pid == 0) {
    dup2(writer.get(), STDOUT_FILENO);
    execv(program.c_str(), const_cast<char* const*>(argv));
    _exit(exit_status::kNotExecutable);
  }
  writer.reset();
  std::string text;
  std::array<char, 1024> bytes;
  for (ssize_t count = 0; (count = ::read(reader.get(), bytes.data(), bytes.size())) != 0;) {
    if (count > 0) text.append(bytes.data(), static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR) break;
  }
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  return text;
}

}  // namespace

std::string find_server_program() {
  const char* path = std::getenv("PATH");
  for (const char* name : kPrograms) {
    for (const std::string& candidate : process::executable_candidates(name, path != nullptr ? path : "")) {
      if (access(candidate.c_str(), X_OK) == 0) return candidate;
    }
  }
  throw Error{
      exit_status::kSystem,
      "the sandbox needs redis-server, valkey-server or redict-server, and none is on PATH: install one "
      "(Debian: apt-get install redis-server)"};
}

// "Redis server v=6.0.16 sha=...". Those that derive from Redis began later than 6.2.
bool knows_channel_rights(const std::string& program) {
  const std::string version = output_of(program, "--version");
  const std::size_t at = version.find(" v=");
  if (at == std::string::npos) return true;
  const char* const end = version.data() + version.size();
  unsigned major = 0;
  unsigned minor = 0;
  const char* const dot = std::from_chars(version.data() + at + 3, end, major).ptr;
  if (dot != end && *dot == '.') std::from_chars(dot + 1, end, minor);
  return std::pair{major, minor} >= std::pair{6U, 2U};
}

}  // namespace redlock::sandbox

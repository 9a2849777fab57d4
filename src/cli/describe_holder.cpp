#include "cli/describe_holder.hpp"

#include "base/clock.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

namespace redlock::cli {
namespace {

constexpr std::size_t kLongest = 255;  // of each text, which are for messages

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// As the passwd file says: getpwuid(3) may ask a directory server, which would delay each start.
std::optional<std::string> local_name(uid_t uid) {
  const std::unique_ptr<std::FILE, CloseFile> file{std::fopen("/etc/passwd", "re")};
  while (const passwd* const entry = file ? fgetpwent(file.get()) : nullptr) {
    if (entry->pw_uid == uid) return entry->pw_name;
  }
  return std::nullopt;
}

std::string user_name() {
  for (const char* variable : {"LOGNAME", "USER"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  return local_name(getuid()).value_or(fmt::format("uid {}", getuid()));
}

quorum::HolderInfo describe(pid_t pid, const std::string& command) {
  return {.host = this_host(),
          .user = user_name().substr(0, kLongest),
          .command = command.substr(0, kLongest),
          .pid = static_cast<std::uint64_t>(pid),
          .since_us = read_clocks().wall_us};
}

// The name that ps(1) shows, without path or arguments. Empty if there is no such process.
std::string name_of_process(pid_t pid) {
  const UniqueFd file{open(fmt::format("/proc/{}/comm", pid).c_str(), O_RDONLY | O_CLOEXEC)};
  char name[64];
  const ssize_t size = read(file.get(), name, sizeof name);
  std::string text{name, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

std::string this_host() {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, sizeof host - 1);
  return host;
}

quorum::HolderInfo describe_self(const std::string& command) {
  return describe(getpid(), command);
}

quorum::HolderInfo describe_process(pid_t pid) {
  return describe(pid, name_of_process(pid));
}

}  // namespace redlock::cli

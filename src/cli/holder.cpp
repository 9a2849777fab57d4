#include "cli/holder.hpp"

#include "base/clock.hpp"

#include <fmt/format.h>

#include <limits.h>
#include <unistd.h>

#include <cstdlib>

namespace redlock::cli {
namespace {

constexpr std::size_t kLongest = 255;  // of each text: the info is for messages

// From the environment, not getpwuid(3): that may ask a directory server, and a start-up has no time for it.
std::string user_name() {
  for (const char* variable : {"LOGNAME", "USER"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  return fmt::format("uid {}", getuid());
}

}  // namespace

quorum::HolderInfo describe_ourselves(const std::string& command) {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, sizeof host - 1);
  return {.host = host,
          .user = user_name().substr(0, kLongest),
          .command = command.substr(0, kLongest),
          .pid = static_cast<std::uint64_t>(getpid()),
          .since_us = read_clocks().wall_us};
}

}  // namespace redlock::cli

#include "cli/grant.hpp"

#include "base/timestamp.hpp"
#include "cli/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace redlock::cli {
namespace {

// Between single quotes every character but the single quote stands for itself (POSIX shell, 2.2.2).
std::string quoted_for_shell(const std::string& text) {
  std::string out{"'"};
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string as_shell(const std::string& name, const quorum::Won& won) {
  return fmt::format(
      "REDLOCK_NAME={}; REDLOCK_TOKEN={}; REDLOCK_FENCE={}; export REDLOCK_NAME REDLOCK_TOKEN "
      "REDLOCK_FENCE\n",
      quoted_for_shell(name), quoted_for_shell(won.token.value), won.fence);
}

std::string as_json(const std::string& name, const quorum::Won& won, Now now) {
  using std::chrono::duration_cast;
  const Duration validity = std::max(won.valid_until - now.boot, Duration::zero());
  const auto validity_us =
      static_cast<std::uint64_t>(duration_cast<std::chrono::microseconds>(validity).count());
  return Json::object({{"name", name},
                       {"token", won.token.value},
                       {"fence", won.fence},
                       {"validity_ms", duration_cast<std::chrono::milliseconds>(validity).count()},
                       {"expires_at", format_timestamp(now.wall_us + validity_us)},
                       {"votes", won.voters.size()}})
             .dump() +
         "\n";
}

}  // namespace

std::string format_grant(const Arguments& arguments, const quorum::Won& won, Now now) {
  if (arguments.json) return as_json(arguments.name, won, now);
  switch (arguments.format) {
    case GrantFormat::Token: return won.token.value + "\n";
    case GrantFormat::Shell: return as_shell(arguments.name, won);
    case GrantFormat::Json: return as_json(arguments.name, won, now);
  }
  return {};
}

}  // namespace redlock::cli

#include "cli/grant.hpp"

#include "base/timestamp.hpp"
#include "cli/json.hpp"
#include "cli/messages.hpp"

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
  const std::string slot =  // that of an outer lock is not this one's
      won.slot > 0 ? fmt::format("REDLOCK_SLOT={}; ", won.slot) : "unset REDLOCK_SLOT; ";
  return fmt::format(
      "REDLOCK_NAME={}; REDLOCK_TOKEN={}; REDLOCK_FENCE={}; {}export REDLOCK_NAME REDLOCK_TOKEN "
      "REDLOCK_FENCE{}\n",
      quoted_for_shell(name), quoted_for_shell(won.token.value), won.fence, slot,
      won.slot > 0 ? " REDLOCK_SLOT" : "");
}

std::string as_json(const std::vector<std::string>& names, const quorum::Won& won, Now now) {
  using std::chrono::duration_cast;
  const Duration validity = std::max(won.valid_until - now.boot, Duration::zero());
  const auto validity_us =
      static_cast<std::uint64_t>(duration_cast<std::chrono::microseconds>(validity).count());
  Json json = Json::object({{"name", one_a_line(names)},
                            {"token", won.token.value},
                            {"fence", won.fence},
                            {"validity_ms", duration_cast<std::chrono::milliseconds>(validity).count()},
                            {"expires_at", format_timestamp(now.wall_us + validity_us)},
                            {"votes", won.voters.size()}});
  if (won.slot > 0) json.add("slot", won.slot);
  if (names.size() > 1) json.add("names", names_to_json(names));
  return json.dump() + "\n";
}

}  // namespace

std::string format_grant(const Arguments& arguments, const quorum::Won& won, Now now) {
  if (arguments.json) return as_json(arguments.names, won, now);
  switch (arguments.format) {
    case GrantFormat::Token: return won.token.value + "\n";
    case GrantFormat::Shell: return as_shell(one_a_line(arguments.names), won);
    case GrantFormat::Json: return as_json(arguments.names, won, now);
  }
  return {};
}

}  // namespace redlock::cli

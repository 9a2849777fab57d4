#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/terminal/output.hpp"
#include "lock/search.hpp"
#include "redis/node_error.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>

namespace redlock::cli {
namespace {

std::string since(std::uint64_t since_us, std::uint64_t now_us) {
  if (since_us == 0 || since_us > now_us) return {};
  return human_duration(std::chrono::microseconds{now_us - since_us});
}

std::string holder_of(const quorum::HolderInfo& info) {
  if (quorum::is_anonymous(info)) return {};
  return fmt::format("{}@{} (pid {})", printable(info.user, 64), printable(info.host, 255), info.pid);
}

std::vector<std::string> show(const lock::Findings& findings, std::uint64_t now_us, const Palette& palette) {
  Table table{{"NAME", "STATE", "HOLDER", "SINCE", "REMAINING", "FENCE", "COMMAND"}};
  for (const lock::Found& found : findings.locks) {
    const quorum::LockStatus& status = found.status;
    const quorum::Contender* holder = status.holder();
    const quorum::HolderInfo info = holder != nullptr ? holder->info : quorum::HolderInfo{};
    table.add({{.text = printable(found.name)},
               {.text = std::string{state_name(status)}, .tone = tone_of(status.state)},
               {.text = holder_of(info)},
               {.text = since(info.since_us, now_us)},
               {.text = holder == nullptr ? ""
                        : holder->free_in ? human_duration(*holder->free_in)
                                          : "no TTL"},
               {.text = holder != nullptr && holder->fence != 0 ? std::to_string(holder->fence) : ""},
               {.text = printable(info.command, 80)}});
  }
  return table.render(palette, output_width());
}

}  // namespace

int list(const Arguments& arguments) {
  const config::Settings settings = config::load(arguments, "");
  lock::Inspector inspector = open_inspector(settings);
  const lock::Findings findings = lock::find_locks(inspector, settings.key_prefix, arguments.glob);
  refuse_duplicates(inspector);

  const std::uint64_t now_us = read_clocks().wall_us;
  if (arguments.json) {
    Json json = Json::array();
    for (const lock::Found& found : findings.locks) {
      json.push_back(lock_to_json(found.name, found.status, inspector.membership(), now_us));
    }
    print(json.dump() + "\n");
  } else if (!findings.locks.empty()) {
    print(show(findings, now_us, output_palette(arguments.color)));
  }

  const quorum::NodeSet searched = inspector.membership().nodes_where(
      [&](quorum::NodeIndex node) { return !findings.troubles[node].has_value(); });
  const bool enough = inspector.membership().is_quorum(searched);
  if (!enough) {
    log::error(fmt::format("no quorum: {} of {} node{} could be searched, {} needed", searched.size(),
                           inspector.size(), inspector.size() == 1 ? "" : "s",
                           quorum::votes_needed(inspector.size())));
  }
  for (quorum::NodeIndex node = 0; node < inspector.size(); ++node) {
    if (!findings.troubles[node]) continue;
    const redis::NodeEndpoint& endpoint = inspector.endpoint(node);
    const std::string line =
        fmt::format("{}: {}", endpoint.display(), redis::describe(*findings.troubles[node], endpoint));
    enough ? log::warning(line) : log::error("  " + line);
  }
  return enough ? exit_status::kYes : exit_status::kNoQuorum;
}

}  // namespace redlock::cli

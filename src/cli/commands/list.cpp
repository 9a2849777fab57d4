#include "base/error.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/lock_table.hpp"
#include "cli/terminal/output.hpp"
#include "lock/search.hpp"

namespace redlock::cli {

int list(const Arguments& arguments) {
  const config::Settings settings = config::load(arguments, "");
  lock::Inspector inspector = open_inspector(settings);
  const lock::Findings findings = lock::find_locks(inspector, settings.key_prefix, arguments.glob);
  refuse_duplicates(inspector);

  const std::uint64_t now_us = read_clocks().wall_us;
  if (arguments.json) {
    Json json = Json::array();
    for (const lock::FoundLock& found : findings.locks) {
      json.push_back(lock_to_json(found.name, found.status, inspector.membership(), now_us));
    }
    print(json.dump() + "\n");
  } else if (!findings.locks.empty()) {
    print(lock_table(findings.locks, now_us, output_palette(arguments.color), output_width()));
  }
  return report_search(findings, inspector) ? exit_status::kYes : exit_status::kNoQuorum;
}

}  // namespace redlock::cli

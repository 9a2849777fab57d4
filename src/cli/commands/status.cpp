#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/commands/watch.hpp"
#include "cli/lock_table.hpp"
#include "cli/terminal/output.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <span>
#include <utility>

namespace redlock::cli {
namespace {

using lock::LockState;

// An unknown state outranks a lock that is not held: a script must not take it for free.
int exit_status_of(const std::vector<StatusView>& views) {
  int worst = exit_status::kYes;
  for (const StatusView& view : views) {
    const int status = view.status.state == LockState::Held      ? exit_status::kYes
                       : view.status.state == LockState::Unknown ? exit_status::kNoQuorum
                                                                 : exit_status::kNo;
    worst = std::max(worst, status);
  }
  return worst;
}

}  // namespace

std::vector<std::string> show(const std::vector<StatusView>& views, const lock::Inspector& inspector,
                              const Palette& palette, std::size_t width) {
  const std::uint64_t now_us = read_clocks().wall_us;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < views.size(); ++i) {
    const StatusView& view = views[i];
    if (!lines.empty()) lines.emplace_back();
    if (view.slot > 0) {
      const std::size_t first = i;
      while (i + 1 < views.size() && views[i + 1].slot > 1) ++i;
      for (std::string& line :
           show_slots(std::span{views}.subspan(first, i + 1 - first), inspector, now_us, palette, width))
        lines.push_back(std::move(line));
      continue;
    }
    const std::string summary = summarize(view.name, view.status, inspector.membership(), now_us);
    lines.push_back(paint(palette, tone_of(view.status.state), clip(summary, width)));
    for (std::string& line : show_details(view, inspector, palette, width)) lines.push_back(std::move(line));
  }
  return lines;
}

Json to_json(const std::vector<StatusView>& views, const lock::Inspector& inspector) {
  const std::uint64_t now_us = read_clocks().wall_us;
  Json json = Json::array();
  for (const StatusView& view : views) json.push_back(status_to_json(view, inspector, now_us));
  return json;
}

int status(const Arguments& arguments) {
  const LockNames locks = load_names(arguments, arguments.names);
  lock::Inspector inspector = open_inspector(locks.settings);
  if (arguments.watch) watch(inspector, locks, arguments);

  const auto views = *inspect_locks(inspector, locks);
  if (arguments.json) {
    print(to_json(views, inspector).dump() + "\n");
  } else if (!arguments.quiet) {
    print(show(views, inspector, output_palette(arguments.color), output_width()));
  }
  for (const StatusView& view : views) {
    if (view.slot > 0 || view.status.state != LockState::Free || arguments.quiet) continue;
    if (const std::string taken = taken_slots_of(inspector, view.name, view.key); !taken.empty()) {
      log::notice(fmt::format("slots of lock {} are taken: {}. 'redlock status --slots N' shows them",
                              quoted(view.name), taken));
    }
  }
  // A caller may look at the exit status only.
  for (const StatusView& view : views) {
    if (view.status.state != LockState::Unknown || (is_terminal(STDOUT_FILENO) && !arguments.json)) continue;
    log::error(summarize(view.name, view.status, inspector.membership(), read_clocks().wall_us));
  }
  return exit_status_of(views);
}

}  // namespace redlock::cli

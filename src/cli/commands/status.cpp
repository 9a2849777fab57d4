#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/commands/watch.hpp"
#include "cli/terminal/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace redlock::cli {
namespace {

using quorum::LockState;

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
  for (const StatusView& view : views) {
    if (!lines.empty()) lines.emplace_back();
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
  } else {
    print(show(views, inspector, output_palette(arguments.color), output_width()));
  }
  // A caller may look at the exit status only.
  for (const StatusView& view : views) {
    if (view.status.state != LockState::Unknown || (is_terminal(STDOUT_FILENO) && !arguments.json)) continue;
    log::error(summarize(view.name, view.status, inspector.membership(), 0));
  }
  return exit_status_of(views);
}

}  // namespace redlock::cli

#include "cli/status.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/looking.hpp"
#include "cli/output.hpp"
#include "cli/watching.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace redlock::cli {
namespace {

using quorum::LockState;

Tone tone_of(const quorum::Survey& survey) {
  switch (survey.state) {
    case LockState::Held: return Tone::Good;
    case LockState::Split: return Tone::Doubtful;
    case LockState::Free: return Tone::Plain;
    case LockState::Unknown: return Tone::Bad;
  }
  return Tone::Plain;
}

// A lock that could not be told outranks one that is not held: a script must not take it for free.
int exit_status_of(const std::vector<LockSight>& sights) {
  int worst = exit_status::kYes;
  for (const LockSight& sight : sights) {
    const int status = sight.survey.state == LockState::Held      ? exit_status::kYes
                       : sight.survey.state == LockState::Unknown ? exit_status::kNoQuorum
                                                                  : exit_status::kNo;
    worst = std::max(worst, status);
  }
  return worst;
}

}  // namespace

std::vector<std::string> show(const std::vector<LockSight>& sights, const lock::Onlooker& onlooker,
                              const Palette& palette, std::size_t width) {
  const std::uint64_t now_us = read_clocks().wall_us;
  std::vector<std::string> lines;
  for (const LockSight& sight : sights) {
    if (!lines.empty()) lines.emplace_back();
    const std::string summary = summarize(sight.name, sight.survey, onlooker.electorate(), now_us);
    lines.push_back(paint(palette, tone_of(sight.survey), clip(summary, width)));
    for (std::string& line : show_details(sight, onlooker, palette, width)) lines.push_back(std::move(line));
  }
  return lines;
}

Json to_json(const std::vector<LockSight>& sights, const lock::Onlooker& onlooker) {
  const std::uint64_t now_us = read_clocks().wall_us;
  Json json = Json::array();
  for (const LockSight& sight : sights) json.push_back(sight_to_json(sight, onlooker, now_us));
  return json;
}

int status(const StatusOptions& options, ColorWish color) {
  const LockNames locks = load_names(options.flags, options.names);
  lock::Onlooker onlooker = open_onlooker(locks.settings);
  if (options.watch) watch(onlooker, locks, options.json, color);

  const auto sights = *look_at(onlooker, locks);
  std::string text;
  if (options.json) {
    text = to_json(sights, onlooker).dump() + "\n";
  } else {
    const Palette& palette_used = palette(use_color(color, STDOUT_FILENO));
    for (const std::string& line : show(sights, onlooker, palette_used, output_width())) text += line + "\n";
  }
  print(text);
  // For those who do not look at the output but at the exit status.
  for (const LockSight& sight : sights) {
    if (sight.survey.state != LockState::Unknown || (is_terminal(STDOUT_FILENO) && !options.json)) continue;
    log::error(summarize(sight.name, sight.survey, onlooker.electorate(), 0));
  }
  return exit_status_of(sights);
}

}  // namespace redlock::cli

#include "base/error.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/node_format.hpp"
#include "cli/terminal/output.hpp"
#include "lock/soundness.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace redlock::cli {
namespace {

using lock::Concern;
using lock::Soundness;
using quorum::NodeIndex;

struct Checkup {
  std::vector<lock::NodeReport> reports;
  std::vector<std::vector<Concern>> concerns;  // of each node
  Soundness soundness;
};

Checkup check(lock::Onlooker& inspector, Duration restart_quarantine) {
  Checkup checkup{.reports = lock::examine(inspector), .concerns = {}, .soundness = {}};
  for (const lock::NodeReport& report : checkup.reports) {
    checkup.concerns.push_back(lock::concerns_about(report, restart_quarantine));
  }
  checkup.soundness = lock::judge(checkup.concerns, inspector.membership());
  return checkup;
}

bool votes(const std::vector<Concern>& concerns) {
  return std::none_of(concerns.begin(), concerns.end(), lock::takes_the_vote);
}

Tone tone_of(Concern concern) {
  return lock::takes_the_vote(concern) ? Tone::Bad : Tone::Doubtful;
}

Tone tone_of(Soundness::Verdict verdict) {
  return verdict == Soundness::Verdict::Safe    ? Tone::Good
         : verdict == Soundness::Verdict::Works ? Tone::Doubtful
                                                : Tone::Bad;
}

std::string_view name_of(Soundness::Verdict verdict) {
  return verdict == Soundness::Verdict::Safe    ? "safe"
         : verdict == Soundness::Verdict::Works ? "works"
                                                : "no quorum";
}

std::vector<std::string> warnings_of(NodeIndex node, const Checkup& checkup,
                                     const lock::Onlooker& inspector) {
  std::vector<std::string> warnings;
  for (const Concern concern : checkup.concerns[node]) {
    warnings.push_back(explain(concern, node, checkup.reports[node], inspector));
  }
  return warnings;
}

// The warnings, in full lines. Nodes with the same warning share one.
std::string show_warnings(const Checkup& checkup, const lock::Onlooker& inspector, const Palette& colors) {
  struct Line {
    std::string words;
    Tone tone;
    std::vector<std::string> urls;
  };
  std::vector<Line> lines;
  for (NodeIndex node = 0; node < checkup.reports.size(); ++node) {
    const auto warnings = warnings_of(node, checkup, inspector);
    for (std::size_t i = 0; i < warnings.size(); ++i) {
      auto line = std::find_if(lines.begin(), lines.end(),
                               [&](const Line& each) { return each.words == warnings[i]; });
      if (line == lines.end()) {
        line = lines.insert(line,
                            {.words = warnings[i], .tone = tone_of(checkup.concerns[node][i]), .urls = {}});
      }
      line->urls.push_back(inspector.endpoint(node).display());
    }
  }
  std::string text;
  for (const Line& line : lines) {
    const bool all = line.urls.size() == inspector.size() && line.urls.size() > 1;
    const std::string who = all ? "all nodes" : fmt::format("{}", fmt::join(line.urls, ", "));
    text += paint(colors, line.tone, fmt::format("{}: {}", who, line.words)) + "\n";
  }
  return text;
}

std::string show(const Checkup& checkup, const lock::Onlooker& inspector, const Palette& colors) {
  std::vector<std::string> titles{"NODE", "VOTE"};
  for (std::string& title : report_titles()) titles.push_back(std::move(title));
  Table table{std::move(titles)};
  for (NodeIndex node = 0; node < checkup.reports.size(); ++node) {
    const bool can_vote = votes(checkup.concerns[node]);
    std::vector<Table::Cell> row{
        {.text = inspector.endpoint(node).display()},
        {.text = can_vote ? "yes" : "no", .tone = can_vote ? Tone::Good : Tone::Bad}};
    for (std::string& text : report_cells(checkup.reports[node])) row.push_back({.text = std::move(text)});
    table.add(std::move(row));
  }
  std::string text;
  for (const std::string& line : table.render(colors, output_width())) text += line + "\n";
  const std::string warnings = show_warnings(checkup, inspector, colors);
  return text + (warnings.empty() ? "" : "\n" + warnings) + "\n";
}

Json to_json(const Checkup& checkup, const lock::Onlooker& inspector) {
  Json reports = Json::array();
  for (NodeIndex node = 0; node < checkup.reports.size(); ++node) {
    reports.push_back(report_to_json(inspector.endpoint(node).display(), votes(checkup.concerns[node]),
                                     checkup.reports[node], warnings_of(node, checkup, inspector)));
  }
  return Json::object({{"verdict", name_of(checkup.soundness.verdict)},
                       {"summary", lock::describe(checkup.soundness, checkup.concerns)},
                       {"voters", checkup.soundness.voters},
                       {"quorum", quorum::votes_needed(inspector.size())},
                       {"nodes", std::move(reports)}});
}

}  // namespace

int nodes(const Arguments& arguments) {
  const config::Settings settings = config::load(arguments, "");
  lock::Onlooker inspector = open_inspector(settings);
  const Checkup checkup = check(inspector, settings.restart_quarantine);
  if (arguments.json) {
    refuse_duplicates(inspector);
    print(to_json(checkup, inspector).dump() + "\n");
  } else {
    const Palette& colors = output_palette(arguments.color);
    print(show(checkup, inspector, colors));
    refuse_duplicates(inspector);  // after the table, instead of the verdict
    print(paint(colors, tone_of(checkup.soundness.verdict),
                lock::describe(checkup.soundness, checkup.concerns)) +
          "\n");
  }
  return checkup.soundness.verdict == Soundness::Verdict::NoQuorum ? exit_status::kNoQuorum
                                                                   : exit_status::kYes;
}

}  // namespace redlock::cli

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/node_format.hpp"
#include "cli/terminal/output.hpp"
#include "lock/health.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace redlock::cli {
namespace {

using lock::Health;
using lock::Issue;
using quorum::NodeIndex;

struct Checkup {
  std::vector<lock::NodeReport> reports;
  Health health;
};

// A balancer that counts connections or chances hands the third to another server, most likely.
constexpr int kMoreConnections = 2;

Checkup check(lock::Inspector& inspector, const config::Settings& settings) {
  std::vector<lock::NodeReport> reports = lock::check_nodes(inspector);
  for (int i = 0; i < kMoreConnections; ++i) {
    lock::Inspector other = open_inspector(settings);
    lock::compare_servers(inspector, other, reports);
  }
  std::vector<lock::Issues> issues;
  issues.reserve(reports.size());
  for (const lock::NodeReport& report : reports)
    issues.push_back(lock::issues_of(report, settings.restart_quarantine));
  return {.reports = std::move(reports),
          .health = lock::health_of(std::move(issues), inspector.membership())};
}

Tone tone_of(Issue issue) {
  return lock::takes_the_vote(issue) ? Tone::Bad : Tone::Doubtful;
}

Tone tone_of(Health::Verdict verdict) {
  return verdict == Health::Verdict::Safe    ? Tone::Good
         : verdict == Health::Verdict::Works ? Tone::Doubtful
                                             : Tone::Bad;
}

std::string_view name_of(Health::Verdict verdict) {
  return verdict == Health::Verdict::Safe    ? "safe"
         : verdict == Health::Verdict::Works ? "works"
                                             : "no quorum";
}

std::vector<std::string> warnings_of(NodeIndex node, const Checkup& checkup,
                                     const lock::Inspector& inspector) {
  std::vector<std::string> warnings;
  for (const Issue issue : checkup.health.issues[node]) {
    warnings.push_back(explain(issue, node, checkup.reports[node], inspector));
  }
  return warnings;
}

// The warnings, in full lines. Nodes with the same warning share one.
std::string show_warnings(const Checkup& checkup, const lock::Inspector& inspector, const Palette& colors) {
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
        line = lines.insert(
            line, {.words = warnings[i], .tone = tone_of(checkup.health.issues[node][i]), .urls = {}});
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

std::string show(const Checkup& checkup, const lock::Inspector& inspector, const Palette& colors) {
  std::vector<std::string> titles{"NODE", "VOTE"};
  for (std::string& title : report_titles()) titles.push_back(std::move(title));
  Table table{std::move(titles)};
  for (NodeIndex node = 0; node < checkup.reports.size(); ++node) {
    const bool can_vote = lock::can_vote(checkup.health.issues[node]);
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

Json to_json(const Checkup& checkup, const lock::Inspector& inspector) {
  Json reports = Json::array();
  for (NodeIndex node = 0; node < checkup.reports.size(); ++node) {
    reports.push_back(report_to_json(inspector.endpoint(node).display(),
                                     lock::can_vote(checkup.health.issues[node]), checkup.reports[node],
                                     warnings_of(node, checkup, inspector)));
  }
  return Json::object({{"verdict", name_of(checkup.health.verdict)},
                       {"summary", lock::describe(checkup.health)},
                       {"voters", checkup.health.voters},
                       {"quorum", quorum::votes_needed(inspector.size())},
                       {"nodes", std::move(reports)}});
}

constexpr std::string_view kExampleOfNodes =
    "[[node]]\n"
    "url = \"redis://redis1.example.com:6379\"\n"
    "[[node]]\n"
    "url = \"redis://redis2.example.com:6379\"\n"
    "[[node]]\n"
    "url = \"redis://redis3.example.com:6379\"\n";

void advise_to_name_nodes(const std::string& file) {
  log::notice(fmt::format(
      "name your nodes in {}, the same on every host, for example (redlock.toml(5) has passwords and TLS):",
      quoted(file, 4096)));
  log::example(kExampleOfNodes);
}

}  // namespace

int nodes(const Arguments& arguments) {
  const config::Settings settings = config::load(arguments, "");
  lock::Inspector inspector = open_inspector(settings);
  const Checkup checkup = check(inspector, settings);
  if (arguments.json) {
    refuse_duplicates(inspector);
    print(to_json(checkup, inspector).dump() + "\n");
  } else {
    const Palette& colors = output_palette(arguments.color);
    print(show(checkup, inspector, colors));
    refuse_duplicates(inspector);  // after the table, instead of the verdict
    print(paint(colors, tone_of(checkup.health.verdict), lock::describe(checkup.health)) + "\n");
    if (!settings.file_for_nodes.empty()) advise_to_name_nodes(settings.file_for_nodes);
  }
  return checkup.health.verdict == Health::Verdict::NoQuorum ? exit_status::kNoQuorum : exit_status::kYes;
}

}  // namespace redlock::cli

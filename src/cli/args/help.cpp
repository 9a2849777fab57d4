#include "cli/args/help.hpp"

#include "cli/args/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace redlock::cli {
namespace {

constexpr std::size_t kHelpColumn = 34;

constexpr std::string_view kProgramSummary =
    "Run a command on one machine at a time, under a lock that a quorum of Redis servers grants.";
constexpr std::string_view kProgramNotes =
    "Examples:\n"
    "  redlock run nightly-backup -- ./backup.sh      cron on 50 hosts, runs on one\n"
    "  redlock run -n deploy -- make deploy           give up at once (exit 75) when it is held\n"
    "  token=$(redlock acquire deploy --ttl 5m)       for a script; redlock release deploy \"$token\"\n"
    "  redlock sandbox -- redlock run x -- date       try it on five throw-away Redis servers\n"
    "\nNodes come from --node, $REDLOCK_NODES or the configuration file; see redlock(1).";

// A long text has a line of its own, above its help.
std::string entry(const std::string& left, std::string_view help) {
  std::string out = fmt::format("  {:<{}}", left, kHelpColumn - 2);
  if (left.size() + 2 >= kHelpColumn) out += "\n" + std::string(kHelpColumn, ' ');
  return fmt::format("{}{}\n", out, help);
}

std::string entry(const OptionRow& row) {
  std::string left{row.names};
  if (!row.argument.empty()) left += fmt::format(" {}", row.argument);
  return entry(left, row.help);
}

std::string options_of(CommandSet command) {
  std::vector<const OptionRow*> rows{&kOptions[0]};  // --help itself
  for (const OptionRow& row : kOptions) {
    if ((row.commands & command) != 0 && &row != rows.front()) rows.push_back(&row);
  }
  std::string arguments;
  std::vector<std::string_view> groups;
  for (const OptionRow* row : rows) {
    if (!row->is_option()) {
      arguments += entry(*row);
    } else if (std::find(groups.begin(), groups.end(), row->details.group) == groups.end()) {
      groups.push_back(row->details.group);
    }
  }
  std::string out = arguments.empty() ? "" : "\nPositionals:\n" + arguments;
  for (const std::string_view group : groups) {
    out += fmt::format("\n{}:\n", group);
    for (const OptionRow* row : rows) {
      if (row->is_option() && row->details.group == group) out += entry(*row);
    }
  }
  return out;
}

}  // namespace

std::string help_text(const CommandRow* command) {
  if (command != nullptr) {
    return fmt::format("{}\nUsage: redlock {} [OPTIONS] {}\n{}\n{}\n", command->summary, command->name,
                       command->arguments, options_of(command->bit), command->notes);
  }
  std::string commands;
  for (const CommandRow& row : kCommands) commands += entry(std::string{row.name}, row.summary);
  return fmt::format("{}\nUsage: redlock COMMAND [OPTIONS] ...\n{}\nSubcommands:\n{}\n{}\n", kProgramSummary,
                     options_of(kProgram), commands, kProgramNotes);
}

}  // namespace redlock::cli

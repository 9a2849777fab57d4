// generate TEMPLATES OUTPUT: writes the completions for bash, zsh and fish, from the templates in one folder (what only
// that shell knows) and the table of commands and options. Run by the build.
#include "cli/args/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace redlock::cli;

namespace {

// The rows that a command takes.
std::vector<const OptionRow*> rows_of(CommandSet commands) {
  std::vector<const OptionRow*> rows;
  for (const OptionRow& row : kOptions) {
    if ((row.commands & commands) != 0) rows.push_back(&row);
  }
  return rows;
}

// "-w" and "--wait".
std::vector<std::string_view> names_of(const OptionRow& row) {
  const std::size_t comma = row.names.find(',');
  if (comma == std::string_view::npos) return {row.names};
  return {row.names.substr(0, comma), row.long_name()};
}

std::vector<std::string_view> names_of(CommandSet commands) {
  std::vector<std::string_view> names;
  for (const CommandRow& command : kCommands) {
    if ((command.bit & commands) != 0) names.push_back(command.name);
  }
  return names;
}

// The help up to where it begins to explain: a completion has room for a few words.
std::string_view brief(std::string_view help) {
  for (const std::string_view end : {" (", "; ", ": "}) help = help.substr(0, help.find(end));
  return help;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// ---- bash

std::string bash_offer(const OptionRow& row) {
  switch (row.details.offer) {
    case Offer::Files:
    case Offer::ConfigurationFiles: return "_redlock_offer_files";
    case Offer::Locks: return "_redlock_offer_locks";
    case Offer::Processes: return "_redlock_offer '$$'";
    case Offer::NodeUrls: return fmt::format("_redlock_offer_urls {}", row.details.values);
    case Offer::Commands: return "_redlock_offer \"$_redlock_commands\"";
    case Offer::Values:
    case Offer::Signals: break;
  }
  return row.details.values.empty() ? "" : fmt::format("_redlock_offer {}", row.details.values);
}

// The patterns of a case for each command and name: "run:-w | run:--wait".
std::string bash_patterns(const OptionRow& row) {
  std::vector<std::string> patterns;
  const auto commands =
      row.commands == kProgram ? std::vector<std::string_view>{"*"} : names_of(row.commands);
  for (const std::string_view command : commands) {
    for (const std::string_view name : names_of(row)) patterns.push_back(fmt::format("{}:{}", command, name));
  }
  return fmt::format("{}", fmt::join(patterns, " | "));
}

std::string bash_options(CommandSet commands) {
  std::vector<std::string_view> words;
  for (const OptionRow* row : rows_of(commands)) {
    if (!row->is_option()) continue;
    for (const std::string_view name : names_of(*row)) words.push_back(name);
  }
  return fmt::format("{}", fmt::join(words, " "));
}

std::string spaced(const std::string& text) {
  return text.empty() ? text : text + " ";
}

std::string bash_table() {
  std::string options;
  std::string values;
  std::string arguments = "    '') _redlock_offer \"$_redlock_commands\" ;;\n";
  for (const CommandRow& command : kCommands) {
    const auto rows = rows_of(command.bit);
    const auto argument =
        std::find_if(rows.begin(), rows.end(), [](const OptionRow* row) { return !row->is_option(); });
    if (argument != rows.end()) {
      arguments += fmt::format("    {}) {};;\n", command.name, spaced(bash_offer(**argument)));
    }
    options += fmt::format("    {}) echo '{}{}' ;;\n", command.name, bash_options(command.bit),
                           command.runs_command() ? " --" : "");
  }
  for (const OptionRow& row : kOptions) {
    if (!row.is_option() || row.is_flag()) continue;
    values += fmt::format("    {}) {};;\n", bash_patterns(row), spaced(bash_offer(row)));
  }
  return fmt::format(
      "_redlock_commands='{}'\n\n"
      "# The options of command $1, or of redlock itself.\n"
      "_redlock_options() {{\n  case ${{1:-}} in\n    '') echo '{}' ;;\n{}  esac\n}}\n\n"
      "# Completes the value of option $2 of command $1. Fails if it has none.\n"
      "_redlock_complete_value() {{\n  case $1:$2 in\n{}    *) return 1 ;;\n  esac\n}}\n\n"
      "# Completes an argument of command $1. Fails if it has none.\n"
      "_redlock_complete_argument() {{\n  case $1 in\n{}    *) return 1 ;;\n  esac\n}}\n",
      fmt::join(names_of(~CommandSet{0}), " "), bash_options(kProgram), options, values, arguments);
}

// ---- zsh

std::string zsh_quoted(std::string_view text) {
  return fmt::format("'{}'", replaced(std::string{text}, "'", "'\\''"));
}

// Of the help or a message: what _arguments would take for the end of it.
std::string zsh_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_action(const OptionRow& row) {
  switch (row.details.offer) {
    case Offer::Files: return "_files";
    case Offer::ConfigurationFiles: return "_files -g \"*.toml(-.)\"";
    case Offer::Locks: return "_redlock_names";
    case Offer::Processes: return "_pids";
    case Offer::Signals: return "_signals";
    case Offer::NodeUrls: return "";  // the message says more than a list of beginnings
    case Offer::Commands: return "_redlock_commands";
    case Offer::Values: break;
  }
  return row.details.values.empty() ? "" : fmt::format("({})", row.details.values);
}

std::string_view zsh_message(const OptionRow& row) {
  if (row.argument == "DURATION") return "duration (500ms, 30s, 5m, 1h30m; a bare number is seconds)";
  if (row.argument == "URL") return "redis://[user:password@]host[:port][/db], rediss://... or unix:///path";
  return row.is_option() ? row.argument : brief(row.help);
}

// The names that may not follow: its own, and those of options that exclude it or that it excludes.
std::string zsh_exclusions(const OptionRow& row, CommandSet command) {
  if (std::holds_alternative<std::monostate>(row.target)) return "(- *)";
  if (std::holds_alternative<std::vector<std::string> Arguments::*>(row.target)) return "*";
  std::vector<std::string_view> names = names_of(row);
  for (const OptionRow* other : rows_of(command)) {
    if (other->details.excludes == row.long_name() || other->long_name() == row.details.excludes) {
      for (const std::string_view name : names_of(*other)) names.push_back(name);
    }
  }
  return names.size() == 1 ? "" : fmt::format("({})", fmt::join(names, " "));
}

std::string zsh_option(const OptionRow& row, CommandSet command) {
  const auto names = names_of(row);
  std::string about = fmt::format("[{}]", zsh_escaped(brief(row.help)));
  if (!row.is_flag()) about += fmt::format(":{}:{}", zsh_escaped(zsh_message(row)), zsh_action(row));
  const std::string exclusions = zsh_exclusions(row, command);
  if (names.size() == 1) return zsh_quoted(fmt::format("{}{}{}", exclusions, names[0], about));
  return fmt::format("{}{{{}}}{}", zsh_quoted(exclusions), fmt::join(names, ","), zsh_quoted(about));
}

std::string zsh_options(CommandSet command) {
  std::string specs;
  std::size_t position = 0;
  for (const OptionRow* row : rows_of(command)) {
    if (row->is_option()) {
      specs += fmt::format("  {}\n", zsh_option(*row, command));
      continue;
    }
    ++position;
    const bool many = std::holds_alternative<std::vector<std::string> Arguments::*>(row->target);
    specs += fmt::format("  {}\n", zsh_quoted(fmt::format("{}:{}:{}", many ? "*" : std::to_string(position),
                                                          zsh_escaped(zsh_message(*row)), zsh_action(*row))));
  }
  return specs;
}

std::string zsh_table() {
  std::string out = "local -a commands=(\n";
  for (const CommandRow& command : kCommands) {
    out += fmt::format("  {}\n", zsh_quoted(fmt::format("{}:{}", command.name, brief(command.summary))));
  }
  out += fmt::format(")\nlocal -a options_of_redlock=(\n{})\n", zsh_options(kProgram));
  for (const CommandRow& command : kCommands) {
    out += fmt::format("local -a options_of_{}=(\n{})\n", command.name, zsh_options(command.bit));
  }
  return out;
}

// ---- fish

std::string fish_quoted(std::string_view text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:";
  if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos) return std::string{text};
  return fmt::format("'{}'", replaced(replaced(std::string{text}, "\\", "\\\\"), "'", "\\'"));
}

std::string fish_offer(const OptionRow& row) {
  switch (row.details.offer) {
    case Offer::Files:
    case Offer::ConfigurationFiles: return " -r -F";
    case Offer::Locks: return " -a '(__redlock_names)'";
    case Offer::Processes: return " -x -a '(__fish_complete_pids)'";
    case Offer::Commands: return " -a '$__redlock_commands'";
    case Offer::Values:
    case Offer::Signals:
    case Offer::NodeUrls: break;
  }
  if (row.is_flag() || !row.is_option()) return "";
  return row.details.values.empty() ? " -x" : fmt::format(" -x -a {}", fish_quoted(row.details.values));
}

std::string fish_table() {
  std::string out = fmt::format("set -g __redlock_commands {}\n\n", fmt::join(names_of(~CommandSet{0}), " "));
  for (const CommandRow& command : kCommands) {
    out += fmt::format("complete -c redlock -n __redlock_needs_command -a {} -d {}\n", command.name,
                       fish_quoted(brief(command.summary)));
  }
  out += "\n";
  for (const OptionRow& row : kOptions) {
    const std::string offer = fish_offer(row);
    if (!row.is_option() && offer.empty()) continue;
    const std::string condition =
        row.commands == kProgram ? "not __redlock_in_inner_command"
                                 : fmt::format("__redlock_using {}", fmt::join(names_of(row.commands), " "));
    out += fmt::format("complete -c redlock -n '{}'", condition);
    if (row.is_option()) {
      for (const std::string_view name : names_of(row)) {
        const bool is_long = name.starts_with("--");
        out += fmt::format(" -{} {}", is_long ? 'l' : 's', name.substr(is_long ? 2 : 1));
      }
    }
    out += fmt::format("{} -d {}\n", offer, fish_quoted(brief(row.help)));
  }
  return out;
}

void generate(const std::filesystem::path& from, const std::filesystem::path& to, const std::string& table) {
  std::ifstream in{from};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  constexpr std::string_view mark = "\n@table@\n";
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) throw std::runtime_error{fmt::format("{}: no @table@ in it", from.string())};
  std::ofstream out{to};
  out << text.substr(0, at + 1) << table << text.substr(at + mark.size());
  if (!out.flush()) throw std::runtime_error{fmt::format("cannot write {}", to.string())};
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::runtime_error{"usage: generate TEMPLATES OUTPUT"};
    const std::filesystem::path templates{argv[1]};
    const std::filesystem::path output{argv[2]};
    generate(templates / "redlock.bash.in", output / "redlock.bash", bash_table());
    generate(templates / "_redlock.in", output / "_redlock", zsh_table());
    generate(templates / "redlock.fish.in", output / "redlock.fish", fish_table());
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "generate: {}\n", error.what());
    return 1;
  }
}

#include "cli/args/explain.hpp"

#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "config/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

namespace redlock::cli {
namespace {

// The names that other programs have for a command.
struct Synonym {
  std::string_view word;
  std::string_view meant;
};
constexpr Synonym kSynonyms[] = {
    {"lock", "acquire"},   {"take", "acquire"}, {"get", "acquire"},       {"exec", "run"},
    {"unlock", "release"}, {"free", "release"}, {"renew", "extend"},      {"refresh", "extend"},
    {"ls", "list"},        {"locks", "list"},   {"show", "status"},       {"info", "status"},
    {"who", "status"},     {"rm", "break"},     {"delete", "break"},      {"remove", "break"},
    {"kill", "break"},     {"ping", "nodes"},   {"check", "nodes"},       {"doctor", "nodes"},
    {"servers", "nodes"},  {"demo", "sandbox"}, {"version", "--version"}, {"man", "help"},
};

std::string did_you_mean(std::optional<std::string_view> word, const CommandRow* command) {
  return word ? fmt::format("did you mean '{}'?", *word) : see_help(command);
}

std::string suggest_command(const std::string& word) {
  for (const Synonym& synonym : kSynonyms) {
    if (word == synonym.word) return did_you_mean(synonym.meant, nullptr);
  }
  std::vector<std::string_view> names;
  for (const CommandRow& row : kCommands) names.push_back(row.name);
  return did_you_mean(config::closest(word, names), nullptr);
}

std::string suggest_option(const std::string& word, const CommandRow* command) {
  const CommandSet taken = kProgram | (command == nullptr ? 0 : command->bit);
  std::vector<std::string_view> names;
  for (const OptionRow& row : kOptions) {
    if ((row.commands & taken) != 0 && row.is_option()) names.push_back(row.long_name());
  }
  const bool is_long = word.starts_with("--");
  return did_you_mean(is_long ? config::closest(word.substr(0, word.find('=')), names) : std::nullopt,
                      command);
}

// "--ttl" of "--ttl=5s", "-w" of "-w5s".
std::string_view option_in(std::string_view word) {
  return word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
}

bool is_option_of(const CommandRow& command, std::string_view word) {
  const std::string_view option = option_in(word);
  return std::any_of(std::begin(kOptions), std::end(kOptions), [&](const OptionRow& row) {
    const bool is_short = !row.names.starts_with("--") && row.names.substr(0, 2) == option;
    return (row.commands & command.bit) != 0 && row.is_option() && (is_short || row.long_name() == option);
  });
}

}  // namespace

std::string usage_of(const CommandRow& command) {
  return fmt::format("redlock {} {}", command.name, command.arguments);
}

std::string see_help(const CommandRow* command) {
  return command == nullptr ? "see 'redlock --help'" : fmt::format("see 'redlock {} --help'", command->name);
}

std::string explain_extras(const std::vector<std::string>& extras, bool separated,
                           const CommandRow* command) {
  for (const std::string& extra : extras) {
    if (command != nullptr && is_option_of(*command, extra))
      return fmt::format("{} belongs behind '{}': {}", quoted(option_in(extra), 64), command->name,
                         usage_of(*command));
    if (extra.starts_with('-'))
      return fmt::format("unknown option {}: {}", quoted(extra, 64), suggest_option(extra, command));
  }
  if (!separated && command != nullptr && command->runs_command()) {
    return fmt::format("no command: put it behind '--': {}", usage_of(*command));
  }
  return fmt::format("unexpected argument {}: {}", quoted(extras.empty() ? "" : extras.back(), 64),
                     see_help(command));
}

std::string explain_mistake(std::string_view text) {
  constexpr std::string_view required = " required ";
  constexpr std::string_view missing = " missing";
  const std::string_view option = text.substr(0, text.find(": "));
  if (text.find(" required but received ") != text.npos) return fmt::format("{} is given twice", option);
  if (const std::size_t at = text.find(required); at != text.npos && text.ends_with(missing)) {
    const std::string_view value = text.substr(at + required.size());
    return fmt::format("{} needs a value: {}", option, value.substr(0, value.size() - missing.size()));
  }
  if (text == fmt::format("{} is required", kLockNameOrToken))
    return fmt::format("{} is required", kLockName);
  return std::string{text};
}

std::string explain_missing_command(std::span<const std::string> args) {
  for (const std::string& arg : args) {
    if (!arg.starts_with('-'))
      return fmt::format("there is no command {}: {}", quoted(arg, 64), suggest_command(arg));
  }
  return "no command given: see 'redlock --help'";
}

}  // namespace redlock::cli

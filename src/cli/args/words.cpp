#include "cli/args/words.hpp"

#include "base/error.hpp"
#include "cli/args/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace redlock::cli {
namespace {

constexpr char kGuard = '\x01';

// `name`: "--ttl" or "-w".
const OptionRow* find_option(const CommandRow* command, std::string_view name) {
  const CommandSet taken = kProgram | (command == nullptr ? 0 : command->bit);
  const auto* const row = std::find_if(std::begin(kOptions), std::end(kOptions), [&](const OptionRow& each) {
    const std::string_view names = each.names;
    return (each.commands & taken) != 0 &&
           (each.long_name() == name || names.substr(0, names.find(',')) == name);
  });
  return row == std::end(kOptions) ? nullptr : row;
}

std::string guarded_word(const std::string& word) {
  const bool list = word.starts_with('[') && word.ends_with(']');
  return list || word == "++" || word.starts_with(kGuard) ? kGuard + word : word;
}

std::string guarded_option(const std::string& word, const CommandRow* command) {
  const std::size_t equals = word.find('=');
  const OptionRow* const row =
      equals == word.npos ? nullptr : find_option(command, std::string_view{word}.substr(0, equals));
  if (row == nullptr) return word;
  if (row->is_flag()) throw UsageError{fmt::format("{} takes no value", row->long_name())};
  return word.substr(0, equals + 1) + kGuard + word.substr(equals + 1);
}

// "-w=1s" has the value "=1s", which nobody means.
void refuse_short_with_equals(const std::string& word, const CommandRow* command) {
  if (word.size() < 3 || word[0] != '-' || word[1] == '-' || word[2] != '=') return;
  const OptionRow* const row = find_option(command, word.substr(0, 2));
  if (row == nullptr || row->is_flag()) return;
  throw UsageError{fmt::format("{} takes its value without '=': write '{} {}' or {}=...", word.substr(0, 2),
                               word.substr(0, 2), row->argument, row->long_name())};
}

}  // namespace

std::vector<std::string> guarded(std::span<const std::string> words, const CommandRow* command) {
  std::vector<std::string> result;
  bool options = true;
  for (const std::string& word : words) {
    if (word == "--") options = false;
    if (options) refuse_short_with_equals(word, command);
    result.push_back(options && word.starts_with("--") ? guarded_option(word, command) : guarded_word(word));
  }
  return result;
}

std::string unguarded(const std::string& value) {
  return value.starts_with(kGuard) ? value.substr(1) : value;
}

}  // namespace redlock::cli

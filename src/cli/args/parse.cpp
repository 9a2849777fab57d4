#include "cli/args/parse.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/args/explain.hpp"
#include "cli/args/help.hpp"
#include "cli/args/option_value.hpp"
#include "cli/args/words.hpp"
#include "config/name.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>

namespace redlock::cli {
namespace {

// ---- Registration with CLI11

// Adds the option or argument of a row to a command. Called with the row's target; copies live in CLI11's callbacks.
struct Registration {
  CLI::App& app;
  const OptionRow& row;
  Arguments& arguments;

  // CLI11 has --help from the start; parse_command_line() adds --version.
  CLI::Option* operator()(std::monostate) const { return nullptr; }

  CLI::Option* operator()(bool Arguments::*member) const {
    return app.add_flag(std::string{row.names}, arguments.*member);
  }

  CLI::Option* operator()(std::vector<std::string> Arguments::*member) const {
    CLI::Option* const option = app.add_option(std::string{row.names}, arguments.*member);
    option->type_name(std::string{row.argument});
    option->transform([](const std::string& word) { return unguarded(word); });
    return row.is_option() ? option->allow_extra_args(false) : option;
  }

  CLI::Option* operator()(config::KeyMember member) const {
    if (const auto* const on = std::get_if<std::optional<bool> config::Layer::*>(&member)) {
      return app.add_flag_callback(std::string{row.names},
                                   [&layer = arguments.layer, on = *on] { layer.*on = true; });
    }
    return add([self = *this, &key = config::find_key(member)](const std::string& text) {
      if (const auto problem = config::assign(self.arguments.layer, key, text)) {
        throw UsageError{fmt::format("{}: {}", self.row.long_name(), *problem)};
      }
    });
  }

  template <typename Value>
  CLI::Option* operator()(std::optional<Value> Arguments::*member) const {
    return add([self = *this, member](const std::string& text) {
      self.accept(text, (self.arguments.*member).emplace());
    });
  }

  template <typename Value>
  CLI::Option* operator()(Value Arguments::*member) const {
    return add(
        [self = *this, member](const std::string& text) { self.accept(text, self.arguments.*member); });
  }

 private:
  template <typename Function>
  CLI::Option* add(Function function) const {
    const auto take = [function](const std::string& word) { function(unguarded(word)); };
    return app.add_option_function<std::string>(std::string{row.names}, take)
        ->type_name(std::string{row.argument});
  }

  template <typename Value>
  void accept(const std::string& text, Value& value) const {
    if (const auto problem = read_option_value(row, text, value)) {
      throw CLI::ValidationError{std::string{row.long_name()}, *problem};
    }
  }
};

// Whether one of `words` may be this option: "--ttl", "--ttl=5s", or the letter in "-nq". Some are no option but look like it.
bool may_be_among(std::span<const std::string> words, const OptionRow& row) {
  const char letter = row.names.starts_with("--") ? '-' : row.names[1];
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    if (word.starts_with("--")) return word.substr(0, word.find('=')) == row.long_name();
    return word.starts_with('-') && word.find(letter, 1) != word.npos;
  });
}

// Of the options only those that the command line may name, and what they need: to register all takes longer than to read it.
void add_options(CLI::App& app, CommandSet command, std::span<const std::string> words,
                 Arguments& arguments) {
  std::vector<const OptionRow*> rows;
  for (const OptionRow& row : kOptions) {
    const bool named = !row.is_option() || may_be_among(words, row);
    if ((row.commands & command) != 0 && named) rows.push_back(&row);
  }
  const auto registered = [&](std::string_view name) { return app.get_option_no_throw(std::string{name}); };
  const auto add = [&](const OptionRow& row) {
    CLI::Option* const option = std::visit(Registration{app, row, arguments}, row.target);
    if (option == nullptr) return;
    option->required(row.details.required);
    if (row.names == kLockName) {
      option->check([](const std::string& name) {
        config::check_lock_name(name);
        return std::string{};
      });
    }
  };
  for (const OptionRow* const row : rows) add(*row);
  for (const OptionRow* const row : rows) {
    CLI::Option* const other = row->details.excludes.empty() ? nullptr : registered(row->details.excludes);
    if (other != nullptr) registered(row->long_name())->excludes(other);
    if (row->details.needs.empty()) continue;
    if (registered(row->details.needs) == nullptr) {
      add(*std::find_if(std::begin(kOptions), std::end(kOptions), [&](const OptionRow& each) {
        return (each.commands & command) != 0 && each.long_name() == row->details.needs;
      }));
    }
    registered(row->long_name())->needs(registered(row->details.needs));
  }
}

// ---- The command line

// CLI11's messages, as one line in lower case.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
    text[0] = static_cast<char>(text[0] + 32);
  return printable(explain_mistake(text), 300);
}

std::vector<std::string> typed(std::vector<std::string> words) {
  std::transform(words.begin(), words.end(), words.begin(), unguarded);
  return words;
}

bool has_option(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return word.starts_with('-'); });
}

// The first word of `args` that is a command and no option's value.
const CommandRow* command_among(std::span<const std::string> args) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--color") {
      ++i;
    } else if (const CommandRow* const command = find_command(args[i])) {
      return command;
    }
  }
  return nullptr;
}

std::string help_on(const std::string& topic) {
  const CommandRow* const command = find_command(topic);
  if (command == nullptr && !topic.empty()) throw UsageError{explain_missing_command({&topic, 1})};
  return help_text(command);
}

// The command to run, which follows "--".
std::vector<std::string> command_after(const CommandRow& command,
                                       std::optional<std::vector<std::string>> rest) {
  if (!rest && command.may_lack_command()) return {};
  if (!rest) throw UsageError{fmt::format("no command: put it behind '--': {}", usage_of(command))};
  if (rest->empty() || rest->front().empty()) {
    throw UsageError{fmt::format("the command is empty: {}", usage_of(command))};
  }
  return *std::move(rest);
}

using Word = std::vector<std::string>::const_iterator;

// A name that begins with '-' stands behind a "--" of its own: "run -- -NAME -- COMMAND". Returns the "--" of the command,
// if one word stands before it. Of a name that does not begin so, the word may be the command where a name is missing:
// "run $NAME -- sudo -- true".
std::optional<Word> second_separator(const std::vector<std::string>& args, Word first) {
  const auto words = args.end() - first;
  if (words < 3 || *(first + 2) != "--") return std::nullopt;
  return first + 2;
}

// CLI11 2.4 takes a word such as "-\033x" for an argument: of an option the first character must be a printable one.
void refuse_options_among_arguments(const CLI::App& parsed, const CommandRow* command) {
  for (const CLI::Option* const option : parsed.get_options()) {
    if (!option->get_positional()) continue;
    for (const std::string& word : typed(option->results())) {
      if (word.size() > 1 && word.front() == '-') throw UsageError{explain_extras({word}, true, command)};
    }
  }
}

// `end`: the "--" behind which all is the command, where there is one.
Invocation parse_words(const std::vector<std::string>& args, const CommandRow* command, Word end) {
  Invocation invocation{.command = command, .arguments = {}, .text = {}};
  std::optional<std::vector<std::string>> rest;  // all words after it
  if (end != args.end() && (command == nullptr || command->runs_command())) {
    rest.emplace(end + 1, args.end());
  } else {
    end = args.end();
  }
  const std::span<const std::string> words{args.begin(), end};

  CLI::App app{"", "redlock"};
  app.set_version_flag("-V,--version", "redlock " REDLOCK_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  add_options(app, kProgram, words, invocation.arguments);
  if (command != nullptr) {
    add_options(*app.add_subcommand(std::string{command->name}), command->bit, words, invocation.arguments);
  }

  // CLI11 expects the last argument first.
  std::vector<std::string> reversed = guarded(words, command);
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return {.text = help_text(app.get_subcommands().empty() ? nullptr : command)};
  } catch (const CLI::CallForVersion& version) {
    return {.text = std::string{version.what()} + "\n"};
  } catch (const CLI::ExtrasError&) {
    throw UsageError{explain_extras(typed(app.remaining(true)), rest.has_value(), command)};
  } catch (const CLI::ParseError& error) {
    if (command == nullptr && error.get_name() == "RequiredError") {
      throw UsageError{explain_missing_command({args.begin(), end})};
    }
    const bool lacks = error.get_name() == "RequiredError";
    if (lacks && has_option(app.remaining(true)))
      throw UsageError{explain_extras(typed(app.remaining(true)), rest.has_value(), command)};
    if (const auto second = lacks && rest ? second_separator(args, end) : std::nullopt) {
      if ((end + 1)->starts_with('-')) return parse_words(args, command, *second);
      throw UsageError{
          fmt::format("{}: it stands before the first '--', and behind one of its own only if it begins "
                      "with '-': {}",
                      one_line(error.what()), usage_of(*command))};
    }
    throw UsageError{fmt::format("{}: {}", one_line(error.what()), see_help(command))};
  }
  if (command == nullptr) throw UsageError{explain_missing_command({args.begin(), end})};
  if (std::find(words.begin(), words.end(), "--") == words.end()) {
    for (const CLI::App* const parsed : app.get_subcommands())
      refuse_options_among_arguments(*parsed, command);
  }
  if (command->bit == kHelp) return {.text = help_on(invocation.arguments.help_topic)};
  if (command->runs_command()) invocation.arguments.command = command_after(*command, std::move(rest));
  return invocation;
}

}  // namespace

Invocation parse_command_line(const std::vector<std::string>& args) {
  const auto end = std::find(args.begin(), args.end(), "--");
  return parse_words(args, command_among({args.begin(), end}), end);
}

}  // namespace redlock::cli

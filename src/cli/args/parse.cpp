#include "cli/args/parse.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/args/help.hpp"
#include "config/name.hpp"
#include "process/signal_name.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <optional>
#include <span>
#include <type_traits>

namespace redlock::cli {
namespace {

// ---- Values: each read() reads `text` and returns the problem, if any.

template <typename Value>
std::optional<std::string> read(const OptionRow&, const std::string& text, Value& value) {
  return config::read_value(text, value);
}

// Enumerators have the order of the words of the row.
template <typename Enum>
requires std::is_enum_v<Enum> std::optional<std::string> read(const OptionRow& row, const std::string& text,
                                                              Enum& value) {
  std::vector<std::string> quoted_words;
  std::size_t index = 0;
  for (std::string_view words = row.details.values; !words.empty(); ++index) {
    const std::string_view word = words.substr(0, words.find(' '));
    if (text == word) {
      value = static_cast<Enum>(index);
      return std::nullopt;
    }
    quoted_words.push_back(fmt::format("'{}'", word));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
  }
  const std::string last = quoted_words.back();
  quoted_words.pop_back();
  return fmt::format("must be {} or {}", fmt::join(quoted_words, ", "), last);
}

template <std::integral Number>
bool read_number(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<std::string> read(const OptionRow& row, const std::string& text, unsigned& value) {
  const auto [least, most] = std::pair{row.details.least, row.details.most};
  if (read_number(text, value) && value >= least && value <= most) return std::nullopt;
  return least == 0 ? fmt::format("must be a number up to {}", most)
                    : fmt::format("must be a number from {} to {}", least, most);
}

std::optional<std::string> read(const OptionRow&, const std::string& text, pid_t& value) {
  if (read_number(text, value) && value > 0) return std::nullopt;
  return "must be the number of a process";
}

std::optional<std::string> read(const OptionRow&, const std::string& text, Signal& value) {
  const auto signal = process::parse_signal(text);
  if (!signal) return "must be the name or number of a signal, such as TERM";
  value.number = *signal;
  return std::nullopt;
}

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
    return row.is_option() ? option->allow_extra_args(false) : option;
  }

  CLI::Option* operator()(config::KeyMember member) const {
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
    return app.add_option_function<std::string>(std::string{row.names}, function)
        ->type_name(std::string{row.argument});
  }

  template <typename Value>
  void accept(const std::string& text, Value& value) const {
    if (const auto problem = read(row, text, value)) {
      throw CLI::ValidationError{std::string{row.long_name()}, *problem};
    }
  }
};

void add_options(CLI::App& app, CommandSet command, Arguments& arguments) {
  for (const OptionRow& row : kOptions) {
    if ((row.commands & command) == 0) continue;
    CLI::Option* const option = std::visit(Registration{app, row, arguments}, row.target);
    if (option == nullptr) continue;
    option->required(row.details.required);
    if (row.names == kLockName) {
      option->check([](const std::string& name) {
        config::check_lock_name(name);
        return std::string{};
      });
    }
  }
  for (const OptionRow& row : kOptions) {
    if ((row.commands & command) == 0) continue;
    const auto other = [&](std::string_view name) { return app.get_option(std::string{name}); };
    if (!row.details.excludes.empty()) other(row.long_name())->excludes(other(row.details.excludes));
    if (!row.details.needs.empty()) other(row.long_name())->needs(other(row.details.needs));
  }
}

// ---- Messages

std::string usage_of(const CommandRow& command) {
  return fmt::format("redlock {} {}", command.name, command.arguments);
}

std::string see_help(const CommandRow* command) {
  return command == nullptr ? "see 'redlock --help'" : fmt::format("see 'redlock {} --help'", command->name);
}

// CLI11's messages, as one line in lower case.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
    text[0] = static_cast<char>(text[0] + 32);
  return printable(text, 300);
}

// `separated`: the command line has a "--".
std::string explain_extras(const std::vector<std::string>& extras, bool separated,
                           const CommandRow* command) {
  for (const std::string& extra : extras) {
    if (extra.starts_with('-'))
      return fmt::format("unknown option {}: {}", quoted(extra, 64), see_help(command));
  }
  if (!separated && command != nullptr && command->runs_command()) {
    return fmt::format("no command: put it behind '--': {}", usage_of(*command));
  }
  return fmt::format("unexpected argument {}: {}", quoted(extras.empty() ? "" : extras.back(), 64),
                     see_help(command));
}

std::string explain_missing_command(std::span<const std::string> args) {
  for (const std::string& arg : args) {
    if (!arg.starts_with('-'))
      return fmt::format("there is no command {}: see 'redlock --help'", quoted(arg, 64));
  }
  return "no command given: see 'redlock --help'";
}

// ---- The command line

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
  if (!rest) throw UsageError{fmt::format("no command: put it behind '--': {}", usage_of(command))};
  if (rest->empty() || rest->front().empty()) {
    throw UsageError{fmt::format("the command is empty: {}", usage_of(command))};
  }
  return *std::move(rest);
}

}  // namespace

// Registers only the options of the chosen command: those of all would take a tenth of each start.
Invocation parse_command_line(const std::vector<std::string>& args) {
  auto end = std::find(args.begin(), args.end(), "--");
  Invocation invocation{.command = command_among({args.begin(), end}), .arguments = {}, .text = {}};
  const CommandRow* const command = invocation.command;
  std::optional<std::vector<std::string>> rest;  // all words after the first "--"
  if (end != args.end() && (command == nullptr || command->runs_command())) {
    rest.emplace(end + 1, args.end());
  } else {
    end = args.end();
  }

  CLI::App app{"", "redlock"};
  app.set_version_flag("-V,--version", "redlock " REDLOCK_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  add_options(app, kProgram, invocation.arguments);
  if (command != nullptr) {
    add_options(*app.add_subcommand(std::string{command->name}), command->bit, invocation.arguments);
  }

  // CLI11 expects the last argument first.
  std::vector<std::string> reversed{args.begin(), end};
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return {.text = help_text(app.get_subcommands().empty() ? nullptr : command)};
  } catch (const CLI::CallForVersion& version) {
    return {.text = std::string{version.what()} + "\n"};
  } catch (const CLI::ExtrasError&) {
    throw UsageError{explain_extras(app.remaining(true), rest.has_value(), command)};
  } catch (const CLI::ParseError& error) {
    if (command == nullptr && error.get_name() == "RequiredError") {
      throw UsageError{explain_missing_command({args.begin(), end})};
    }
    throw UsageError{fmt::format("{}: {}", one_line(error.what()), see_help(command))};
  }
  if (command == nullptr) throw UsageError{explain_missing_command({args.begin(), end})};
  if (command->bit == kHelp) return {.text = help_on(invocation.arguments.help_topic)};
  if (command->runs_command()) invocation.arguments.command = command_after(*command, std::move(rest));
  return invocation;
}

}  // namespace redlock::cli

#include "base/error.hpp"
#include "cli/args/help.hpp"
#include "cli/args/parse.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

using namespace redlock;
using namespace redlock::cli;

namespace {

std::vector<const OptionRow*> rows_of(CommandSet command) {
  std::vector<const OptionRow*> rows;
  for (const OptionRow& row : kOptions) {
    if ((row.commands & command) != 0) rows.push_back(&row);
  }
  return rows;
}

const OptionRow* find(CommandSet command, std::string_view long_name) {
  for (const OptionRow* row : rows_of(command)) {
    if (row->long_name() == long_name) return row;
  }
  return nullptr;
}

std::vector<CommandSet> all_commands() {
  std::vector<CommandSet> all{kProgram};
  for (const CommandRow& command : kCommands) all.push_back(command.bit);
  return all;
}

std::string refusal(const std::vector<std::string>& args) {
  try {
    static_cast<void>(parse_command_line(args));
  } catch (const UsageError& error) {
    return error.what();
  }
  FAIL("no UsageError");
  return {};
}

}  // namespace

TEST_CASE("each command has a bit and a name of its own") {
  std::vector<CommandSet> bits = all_commands();
  std::sort(bits.begin(), bits.end());
  CHECK(std::adjacent_find(bits.begin(), bits.end()) == bits.end());
  for (const CommandRow& command : kCommands) CHECK(find_command(command.name) == &command);
}

TEST_CASE("no command has two options of one name") {
  for (const CommandSet command : all_commands()) {
    std::vector<std::string_view> names;
    for (const OptionRow* row : rows_of(command)) {
      names.push_back(row->long_name());
      if (row->names != row->long_name()) names.push_back(row->names.substr(0, row->names.find(',')));
    }
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    CHECK_MESSAGE(twice == names.end(), *twice);
  }
}

TEST_CASE("an option that excludes or needs another belongs to the same commands") {
  for (const CommandSet command : all_commands()) {
    for (const OptionRow* row : rows_of(command)) {
      CAPTURE(row->names);
      for (const std::string_view other : {row->details.excludes, row->details.needs}) {
        if (!other.empty()) CHECK(find(command, other) != nullptr);
      }
    }
  }
}

TEST_CASE("every setting is an option with the name of its key") {
  for (const config::Key& key : config::kKeys) {
    const bool there = std::any_of(std::begin(kOptions), std::end(kOptions), [&](const OptionRow& row) {
      const auto* const member = std::get_if<config::KeyMember>(&row.target);
      return member != nullptr && *member == key.member && row.long_name() == config::flag_name(key);
    });
    CHECK_MESSAGE(there, key.name);
  }
}

TEST_CASE("each word of an enumeration is read as its own enumerator") {
  const auto run = [](const std::string& option, const std::string& word) {
    return parse_command_line({"run", option, word, "x", "--", "true"}).arguments;
  };
  const auto acquire = [](const std::string& word) {
    return parse_command_line({"acquire", "--format", word, "x"}).arguments.format;
  };
  CHECK(run("--on-lost", "stop").on_lost == OnLost::Stop);
  CHECK(run("--on-lost", "warn").on_lost == OnLost::Warn);
  CHECK(run("--color", "auto").color == ColorWish::Auto);
  CHECK(run("--color", "always").color == ColorWish::Always);
  CHECK(run("--color", "never").color == ColorWish::Never);
  CHECK(acquire("token") == GrantFormat::Token);
  CHECK(acquire("shell") == GrantFormat::Shell);
  CHECK(acquire("json") == GrantFormat::Json);
  CHECK(refusal({"run", "--on-lost", "no", "x"}) ==
        "--on-lost: must be 'stop' or 'warn': see 'redlock run --help'");
  CHECK(refusal({"--color", "", "run", "x"}) ==
        "--color: must be 'auto', 'always' or 'never': see 'redlock run --help'");
}

TEST_CASE("numbers, processes and signals are read in their range") {
  const auto parsed = [](std::vector<std::string> args) { return parse_command_line(args).arguments; };
  CHECK(parsed({"sandbox", "-n", "99", "--", "true"}).nodes == 99);
  CHECK(refusal({"sandbox", "-n", "0", "--", "true"}).starts_with("--nodes: must be a number from 1 to 99"));
  CHECK(refusal({"sandbox", "-n", "100", "--", "true"}).starts_with("--nodes: must be"));
  CHECK(parsed({"acquire", "-E", "255", "x"}).conflict_exit_code == 255);
  CHECK(
      refusal({"acquire", "-E", "256", "x"}).starts_with("--conflict-exit-code: must be a number up to 255"));
  CHECK(parsed({"acquire", "--while-pid", "7", "--lost-signal", "USR1", "x"}).while_pid == 7);
  CHECK(parsed({"acquire", "--while-pid", "7", "--lost-signal", "USR1", "x"}).lost_signal.number == SIGUSR1);
  CHECK(refusal({"acquire", "--while-pid", "0", "x"}).starts_with("--while-pid: must be the number"));
  CHECK(refusal({"acquire", "--lost-signal", "TERM", "x"}).find("--while-pid") != std::string::npos);
}

TEST_CASE("the name of a command can be the name of a lock or an option's value") {
  const Invocation invocation = parse_command_line({"status", "run", "--key-prefix", "list", "help"});
  REQUIRE(invocation.command != nullptr);
  CHECK(invocation.command->name == "status");
  CHECK(invocation.arguments.names == std::vector<std::string>{"run", "help"});
  CHECK(invocation.arguments.layer.key_prefix == "list");
}

TEST_CASE("help, in each of its forms, comes from the row of the command") {
  CHECK(parse_command_line({"--help"}).text == help_text(nullptr));
  CHECK(parse_command_line({"help"}).text == help_text(nullptr));
  for (const CommandRow& command : kCommands) {
    const std::string name{command.name};
    CAPTURE(name);
    CHECK(parse_command_line({"help", name}).text == help_text(&command));
    CHECK(parse_command_line({name, "-h"}).text == help_text(&command));
    CHECK(help_text(nullptr).find("\n  " + name + " ") != std::string::npos);
    for (const OptionRow* row : rows_of(command.bit)) {
      CHECK(help_text(&command).find(row->help) != std::string::npos);
    }
  }
  CHECK(refusal({"help", "frobnicate"}) == "there is no command 'frobnicate': see 'redlock --help'");
}

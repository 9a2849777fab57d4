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

TEST_CASE("no name is taken for a list, whatever it is made of") {
  const std::vector<std::string> odd{"[x]", "[a,b]", "{}", "[]", "a,b", "\x01[x]", "%%"};
  std::vector<std::string> words{"run"};
  words.insert(words.end(), odd.begin(), odd.end());
  words.insert(words.end(), {"--key-prefix", "[p]", "--", "[c]"});
  const Invocation invocation = parse_command_line(words);
  CHECK(invocation.arguments.names == odd);
  CHECK(invocation.arguments.layer.key_prefix == "[p]");
  CHECK(invocation.arguments.command == std::vector<std::string>{"[c]"});
}

TEST_CASE("a word that is no command, and an option that is none, get a suggestion where one is near") {
  const auto unknown = [](const std::string& word) { return refusal({word, "x"}); };
  CHECK(unknown("unlock") == "there is no command 'unlock': did you mean 'release'?");
  CHECK(unknown("ls") == "there is no command 'ls': did you mean 'list'?");
  CHECK(unknown("version") == "there is no command 'version': did you mean '--version'?");
  CHECK(unknown("aquire") == "there is no command 'aquire': did you mean 'acquire'?");
  CHECK(unknown("Status") == "there is no command 'Status': did you mean 'status'?");
  CHECK(unknown("frobnicate") == "there is no command 'frobnicate': see 'redlock --help'");
  const auto option = [](const std::string& word) { return refusal({"run", word, "x", "--", "true"}); };
  CHECK(option("--tll=5s") == "unknown option '--tll=5s': did you mean '--ttl'?");
  CHECK(option("--retry_delay") == "unknown option '--retry_delay': did you mean '--retry-delay'?");
  CHECK(option("--frob") == "unknown option '--frob': see 'redlock run --help'");
  CHECK(option("-Z") == "unknown option '-Z': see 'redlock run --help'");
}

TEST_CASE("a name that begins with a dash stands behind a '--' of its own") {
  CHECK(parse_command_line({"status", "--", "-x"}).arguments.names == std::vector<std::string>{"-x"});
  CHECK(parse_command_line({"acquire", "-n", "--", "-x"}).arguments.names == std::vector<std::string>{"-x"});
  const Invocation run = parse_command_line({"run", "-w", "5", "--", "--x", "--", "echo", "--", "-y"});
  CHECK(run.arguments.names == std::vector<std::string>{"--x"});
  CHECK(run.arguments.layer.wait == std::chrono::seconds{5});
  CHECK(run.arguments.command == std::vector<std::string>{"echo", "--", "-y"});
  // With a name before it, everything behind the first "--" is the command.
  CHECK(parse_command_line({"run", "x", "--", "-y", "--", "z"}).arguments.command ==
        std::vector<std::string>{"-y", "--", "z"});
  CHECK(refusal({"run", "--", "git", "--", "z"}).starts_with("NAME is required"));
  CHECK(refusal({"run", "--", "-x"}).starts_with("NAME is required"));
  CHECK(refusal({"run", "--", "-x", "--"}).starts_with("the command is empty"));
  CHECK(parse_command_line({"sandbox", "--", "-y", "--", "z"}).arguments.command.size() == 3);
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

namespace {

// The words of a command line that is complete but for `option`, which stands in front of two names where names may stand.
std::vector<std::string> with_option(const CommandRow& command, const std::string& option) {
  std::vector<std::string> words{std::string{command.name}, option};
  if (command.bit == kSandbox || command.bit == kFence) words.emplace_back("file");
  if ((command.bit & (kTakesLock | kTakesToken | kStatus | kBreak)) != 0) {
    words.insert(words.end(), {"db-main", "db-replica"});
  }
  if (command.bit == kSandbox) words.pop_back();
  if (command.runs_command()) words.insert(words.end(), {"--", "true"});
  return words;
}

}  // namespace

TEST_CASE("an option with '=' and nothing behind it never takes the next word for its value") {
  for (const CommandRow& command : kCommands) {
    for (const OptionRow* const row : rows_of(command.bit)) {
      if (!row->is_option() || row->is_flag()) continue;
      const std::vector<std::string> words = with_option(command, std::string{row->long_name()} + "=");
      CAPTURE(command.name);
      CAPTURE(row->names);
      try {
        const Arguments arguments = parse_command_line(words).arguments;
        if ((command.bit & (kTakesLock | kTakesToken | kStatus | kBreak)) != 0)
          CHECK(arguments.names == std::vector<std::string>{"db-main", "db-replica"});
        if (command.bit == kFence) CHECK(arguments.file == "file");
      } catch (const UsageError& error) {
        CHECK(std::string_view{error.what()}.starts_with(row->long_name()));
      }
    }
  }
}

TEST_CASE("an option's value behind '=' is taken as it stands") {
  for (const std::string value : {"", "[a,b]", "-x", "a=b", "=", "\x01x", "++", "--"}) {
    CAPTURE(value);
    const Arguments arguments = parse_command_line({"run", "--note=" + value, "a", "--", "true"}).arguments;
    CHECK(arguments.layer.note == value);
    CHECK(arguments.names == std::vector<std::string>{"a"});
  }
  CHECK(parse_command_line({"run", "--key-prefix=", "a", "--", "true"}).arguments.layer.key_prefix == "");
}

TEST_CASE("a name may look like anything that CLI11 has a use for") {
  for (const std::string name : {"++", "[a,b]", "\x01x", "run", "a=", "=", "%"}) {
    CAPTURE(name);
    const Arguments arguments = parse_command_line({"acquire", name, "b"}).arguments;
    CHECK(arguments.names == std::vector<std::string>{name, "b"});
  }
  CHECK(parse_command_line({"status", "--", "--note="}).arguments.names ==
        std::vector<std::string>{"--note="});
}

TEST_CASE("an option without a value refuses one") {
  CHECK(refusal({"run", "--nonblock=false", "a", "--", "true"}) == "--nonblock takes no value");
  CHECK(refusal({"run", "--quiet=", "a", "--", "true"}) == "--quiet takes no value");
}

TEST_CASE("what is wrong with a command line is said in the words of the manual") {
  CHECK(
      refusal({"run", "--ttl", "1m", "--ttl", "2m", "a", "--", "true"}).starts_with("--ttl is given twice"));
  CHECK(refusal({"extend", "a", "--token"}).starts_with("--token needs a value: TOKEN"));
  CHECK(refusal({"release"}).starts_with("NAME is required"));
  CHECK(refusal({"run", "-w=1s", "a", "--", "true"}) ==
        "-w takes its value without '=': write '-w DURATION' or --wait=...");
  CHECK(refusal({"run", "-n", "-x", "--", "true"}).starts_with("unknown option '-x'"));
}

TEST_CASE("an option of a command that stands before it is no unknown one") {
  CHECK(refusal({"--node", "redis://h", "run", "a", "--", "true"}) ==
        "'--node' belongs behind 'run': redlock run NAME... -- COMMAND [ARG...]");
  CHECK(refusal({"--ttl=5s", "run", "a", "--", "true"}).starts_with("'--ttl' belongs behind 'run'"));
  CHECK(refusal({"-n", "acquire", "a"}).starts_with("'-n' belongs behind 'acquire'"));
}

TEST_CASE("a name behind a '--' of its own is said to stand before it, unless it begins with a dash") {
  CHECK(refusal({"run", "--", "a", "--", "true"})
            .starts_with(
                "NAME is required: it stands before the first '--', and behind one of its own only if it "
                "begins with '-'"));
  CHECK(parse_command_line({"run", "--", "-a", "--", "true"}).arguments.names ==
        std::vector<std::string>{"-a"});
}

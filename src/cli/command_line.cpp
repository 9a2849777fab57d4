#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/invocation.hpp"
#include "config/keys.hpp"
#include "config/name.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace redlock::cli {
namespace {

// The settings of a lock that a flag can give. Names follow the configuration's; flock's and timeout's short
// ones.
struct SettingFlag {
  std::string_view key;
  const char* short_name;  // or nullptr
  const char* type;
  const char* help;
};
constexpr SettingFlag kSettingFlags[] = {
    {"wait", "-w", "DURATION", "Wait at most so long for the lock (default: for ever)"},
    {"kill_after", "-k", "DURATION",
     "When the lock is lost: this long between TERM and KILL; at most ttl/3 (default: 5s or ttl/3)"},
    {"ttl", nullptr, "DURATION", "Length of the lease; it is extended while the command runs (default: 30s)"},
    {"retry_delay", nullptr, "DURATION", "Between attempts, before jitter (default: 200ms)"},
    {"retry_count", nullptr, "N", "Attempts after the first (default: no limit)"},
    {"node_timeout", nullptr, "DURATION", "What a node may take to answer (default: 1s or ttl/3)"},
    {"restart_quarantine", nullptr, "DURATION",
     "A node that restarted within this time has no vote (default: the ttl; 0 with fewer than 3 nodes)"},
    {"key_prefix", nullptr, "TEXT", "In front of the lock's name in Redis (default: none)"},
};

constexpr const char* kRunUsage = "redlock run NAME -- COMMAND [ARG...]";
constexpr const char* kSandboxUsage = "redlock sandbox -- COMMAND [ARG...]";

constexpr const char* kRunExitStatus =
    "\nExit status: the command's own; 128+N when signal N killed it; 64 usage, 69 no quorum, 70 internal,\n"
    "71 system, 75 held by somebody else (see -E), 78 configuration, 79 lock lost and command stopped,\n"
    "126 cannot be executed, 127 not found.\n"
    "\nDURATION: 500ms, 30s, 5m, 1h30m, 2d; a bare number is seconds.";

constexpr const char* kExamples =
    "\nExamples:\n"
    "  redlock run nightly-backup -- ./backup.sh      cron on 50 hosts, runs on one\n"
    "  redlock run -n deploy -- make deploy           give up at once (exit 75) when it is held\n"
    "  redlock sandbox -- redlock run x -- date       try it on five throw-away Redis servers\n"
    "\nNodes come from --node, $REDLOCK_NODES or the configuration file; see redlock(1).";

const config::Key& find_key(std::string_view name) {
  return *std::find_if(config::kKeys.begin(), config::kKeys.end(),
                       [&](const config::Key& key) { return key.name == name; });
}

void add_setting_flags(CLI::App& command, config::Layer& layer) {
  for (const SettingFlag& flag : kSettingFlags) {
    const config::Key& key = find_key(flag.key);
    std::string names = config::flag_name(key);
    if (flag.short_name != nullptr) names = fmt::format("{},{}", flag.short_name, names);
    command
        .add_option_function<std::string>(
            names,
            [&layer, &key](const std::string& text) {
              if (const auto problem = config::assign(layer, key, text)) {
                throw UsageError{fmt::format("{}: {}", config::flag_name(key), *problem)};
              }
            },
            flag.help)
        ->type_name(flag.type)
        ->group("Lock");
  }
}

void add_node_flags(CLI::App& command, config::Flags& flags) {
  command
      .add_option_function<std::string>(
          "-c,--config", [&flags](const std::string& file) { flags.config_file = file; },
          "Read this file instead of the usual ones")
      ->type_name("FILE")
      ->group("Nodes");
  command
      .add_option("--node", flags.node_urls,
                  "A Redis server: redis://[user:password@]host[:port][/db], unix:///path")
      ->type_name("URL")
      ->allow_extra_args(false)
      ->group("Nodes");
}

struct Verbosity {
  bool quiet = false;
  bool verbose = false;

  log::Level level() const {
    if (quiet) return log::Level::Error;
    return verbose ? log::Level::Debug : log::Level::Notice;
  }
};

void add_verbosity_flags(CLI::App& command, Verbosity& verbosity) {
  auto* quiet =
      command.add_flag("-q,--quiet", verbosity.quiet, "No notices and warnings, only why it failed");
  command.add_flag("-v,--verbose", verbosity.verbose, "Tell votes, times and extensions")->excludes(quiet);
}

// CLI11 would write "redlock run [OPTIONS] NAME"; the command behind "--" is not its business.
class Formatter : public CLI::Formatter {
 public:
  Formatter() { column_width(34); }
  std::string make_usage(const CLI::App* app, std::string) const override {
    if (app->get_name() == "run") return "Usage: redlock run [OPTIONS] NAME -- COMMAND [ARG...]\n";
    if (app->get_name() == "sandbox") return "Usage: redlock sandbox [OPTIONS] -- COMMAND [ARG...]\n";
    return "Usage: redlock COMMAND [OPTIONS] ...\n";
  }
  // The type alone: what goes with what is said in the texts.
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 || option->get_type_name().empty() ? ""
                                                                           : " " + option->get_type_name();
  }
};

// What all commands that take a lock share.
void add_lock_options(CLI::App& command, LockOptions& lock) {
  command.add_option("NAME", lock.name, "The lock: any text of up to 512 bytes")->required()->type_name("");
  auto* nonblock = command.add_flag("-n,--nonblock", lock.nonblock, "Do not wait: exit 75 when it is held");
  nonblock->group("Lock");
  command
      .add_option("-E,--conflict-exit-code", lock.conflict_exit_code,
                  "Exit status when somebody else holds the lock (default: 75)")
      ->type_name("N")
      ->group("Lock")
      ->check([](const std::string& text) {
        const bool digits =
            !text.empty() && text.size() <= 3 &&
            std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
        return digits && std::stoi(text) <= 255 ? std::string{} : "must be a number from 0 to 255";
      });
  add_setting_flags(command, lock.flags.layer);
  command.get_option("--wait")->excludes(nonblock);
  add_node_flags(command, lock.flags);
}

CLI::App* add_run(CLI::App& app, RunOptions& run) {
  CLI::App* command =
      app.add_subcommand("run", "Run a command while holding a lock, on one machine at a time");
  add_lock_options(*command, run.lock);
  command
      ->add_option_function<std::string>(
          "--on-lost", [&run](const std::string& what) { run.stop_when_lost = what == "stop"; },
          "When the lock is lost, 'stop' the command (default) or 'warn' and let it run; exit 79 either way")
      ->type_name("stop|warn")
      ->group("Lock")
      ->check([](const std::string& text) {
        return text == "stop" || text == "warn" ? std::string{} : "must be 'stop' or 'warn'";
      });
  command->footer(kRunExitStatus);
  return command;
}

CLI::App* add_sandbox(CLI::App& app, SandboxOptions& sandbox) {
  CLI::App* command = app.add_subcommand(
      "sandbox", "Run a command with throw-away Redis servers ($REDLOCK_NODES), then clean up");
  command->add_option("-n,--nodes", sandbox.nodes, "How many servers (default: 5)")
      ->type_name("N")
      ->check(CLI::Range(1, 99));
  command->add_flag("--unix", sandbox.unix_sockets, "On unix sockets instead of loopback ports");
  command->footer(
      "\nThe servers keep nothing on disk. Exit status: the command's own; 71 when they cannot be started.");
  return command;
}

void check_command(const std::vector<std::string>& command, bool separator, std::string_view usage) {
  if (!separator) throw UsageError{fmt::format("no command: put it behind '--': {}", usage)};
  if (command.empty() || command.front().empty())
    throw UsageError{fmt::format("the command is empty: {}", usage)};
}

// CLI11's messages, as one line of ours.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
    text[0] = static_cast<char>(text[0] + 32);
  return printable(text, 300);
}

// What stands where nothing is expected. `separated`: there was a "--".
std::string explain_extras(const std::vector<std::string>& extras, bool separated, const char* usage) {
  for (const std::string& extra : extras) {
    if (extra.starts_with('-'))
      return fmt::format("unknown option {}: see 'redlock --help'", quoted(extra, 64));
  }
  if (!separated) return fmt::format("no command: put it behind '--': {}", usage);
  return fmt::format("unexpected argument {}: see 'redlock --help'",
                     quoted(extras.empty() ? "" : extras.back(), 64));
}

}  // namespace

Invocation parse_command_line(const std::vector<std::string>& args) {
  const auto separator = std::find(args.begin(), args.end(), "--");
  std::vector<std::string> command;
  if (separator != args.end()) command.assign(separator + 1, args.end());

  RunOptions run;
  SandboxOptions sandbox;
  Verbosity verbosity;
  CLI::App app{"Run a command on one machine at a time, under a lock that a quorum of Redis servers grants.",
               "redlock"};
  app.formatter(std::make_shared<Formatter>());
  app.set_version_flag("-V,--version", "redlock " REDLOCK_VERSION, "Print the version");
  app.footer(kExamples);
  app.require_subcommand(1);
  app.fallthrough();
  add_verbosity_flags(app, verbosity);
  CLI::App* run_command = add_run(app, run);
  CLI::App* sandbox_command = add_sandbox(app, sandbox);

  // CLI11 wants the arguments last first.
  std::vector<std::string> reversed{args.begin(), separator};
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    for (const CLI::App* chosen : app.get_subcommands()) return {.what = Information{chosen->help()}};
    return {.what = Information{app.help()}};
  } catch (const CLI::CallForVersion& version) {
    return {.what = Information{std::string{version.what()} + "\n"}};
  } catch (const CLI::ExtrasError&) {
    throw UsageError{explain_extras(app.remaining(true), separator != args.end(),
                                    sandbox_command->parsed() ? kSandboxUsage : kRunUsage)};
  } catch (const CLI::ParseError& error) {
    throw UsageError{one_line(error.what()) + ": see 'redlock --help'"};
  }

  if (run_command->parsed()) {
    check_command(command, separator != args.end(), kRunUsage);
    config::check_lock_name(run.lock.name);
    run.command = std::move(command);
    return {.log_level = verbosity.level(), .what = std::move(run)};
  }
  if (sandbox_command->parsed()) {
    check_command(command, separator != args.end(), kSandboxUsage);
    sandbox.command = std::move(command);
    return {.log_level = verbosity.level(), .what = std::move(sandbox)};
  }
  throw UsageError{"no command given: see 'redlock --help'"};
}

}  // namespace redlock::cli

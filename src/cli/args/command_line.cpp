#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/args/invocation.hpp"
#include "config/keys.hpp"
#include "config/name.hpp"
#include "process/signal_name.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <iterator>
#include <memory>
#include <optional>
#include <span>

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
    {"release_when", nullptr, "command|all",
     "Release the lock when the command has ended (default), or all that it has left running"},
    {"key_prefix", nullptr, "TEXT", "In front of the lock's name in Redis (default: none)"},
};

// How each command is written, and whether a "--" begins the command that it runs: elsewhere what follows a "--" is
// an argument of redlock that may begin with '-'.
struct Usage {
  std::string_view command;
  std::string_view arguments;
  bool runs_command = false;
};
constexpr Usage kUsages[] = {
    {.command = "run", .arguments = "NAME -- COMMAND [ARG...]", .runs_command = true},
    {.command = "acquire", .arguments = "NAME"},
    {.command = "extend", .arguments = "NAME [TOKEN]"},
    {.command = "release", .arguments = "NAME [TOKEN]"},
    {.command = "sandbox", .arguments = "-- COMMAND [ARG...]", .runs_command = true},
    {.command = "status", .arguments = "NAME..."},
    {.command = "list", .arguments = "[GLOB]"},
    {.command = "break", .arguments = "NAME"},
    {.command = "nodes", .arguments = ""},
    {.command = "help", .arguments = "[COMMAND]"},
};

const Usage* find_usage(std::string_view command) {
  const auto* const found = std::find_if(std::begin(kUsages), std::end(kUsages),
                                         [&](const Usage& usage) { return usage.command == command; });
  return found == std::end(kUsages) ? nullptr : found;
}

constexpr const char* kRunExitStatus =
    "\nExit status: the command's own; 128+N when signal N killed it; 64 usage, 69 no quorum, 70 internal,\n"
    "71 system, 75 held by somebody else (see -E), 78 configuration, 79 lock lost and command stopped,\n"
    "126 cannot be executed, 127 not found.\n"
    "\nDURATION: 500ms, 30s, 5m, 1h30m, 2d; a bare number is seconds.";

constexpr const char* kAcquireExitStatus =
    "\nExit status: 0 and the token on standard output; 64 usage, 69 no quorum, 70 internal, 71 system\n"
    "(nobody takes the token), 75 held by somebody else (see -E), 78 configuration.\n"
    "\nDURATION: 500ms, 30s, 5m, 1h30m, 2d; a bare number is seconds.";

constexpr const char* kTokenExitStatus =
    "\nTOKEN: what 'redlock acquire' printed; without it $REDLOCK_TOKEN, and with '-' a line of standard "
    "input,\n"
    "which other users of the machine cannot see.\n"
    "\nExit status: 0 done; 1 it is not held with this token: expired, or somebody else's; 64 usage,\n"
    "69 no quorum, 70 internal, 71 system, 78 configuration.";

constexpr const char* kExamples =
    "\nExamples:\n"
    "  redlock run nightly-backup -- ./backup.sh      cron on 50 hosts, runs on one\n"
    "  redlock run -n deploy -- make deploy           give up at once (exit 75) when it is held\n"
    "  token=$(redlock acquire deploy --ttl 5m)       for a script; redlock release deploy \"$token\"\n"
    "  redlock sandbox -- redlock run x -- date       try it on five throw-away Redis servers\n"
    "\nNodes come from --node, $REDLOCK_NODES or the configuration file; see redlock(1).";

const config::Key& find_key(std::string_view name) {
  return *std::find_if(config::kKeys.begin(), config::kKeys.end(),
                       [&](const config::Key& key) { return key.name == name; });
}

constexpr std::string_view kWaitingSettings[] = {"wait", "retry_delay", "retry_count"};
constexpr std::string_view kLeaseSettings[] = {"ttl", "kill_after"};
// What every command that asks nodes about a lock needs.
constexpr std::string_view kNodeSettings[] = {"node_timeout", "restart_quarantine", "key_prefix"};

void add_setting_flags(CLI::App& command, config::Layer& layer, std::span<const std::string_view> keys) {
  for (const std::string_view wanted : keys) {
    const SettingFlag& flag = *std::find_if(std::begin(kSettingFlags), std::end(kSettingFlags),
                                            [&](const SettingFlag& each) { return each.key == wanted; });
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
      .add_option(
          "--node", flags.node_urls,
          "A Redis server: redis://[user:password@]host[:port][/db], rediss://... (TLS), unix:///path")
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

void add_color_flag(CLI::App& command, ColorWish& wish) {
  command
      .add_option_function<std::string>(
          "--color",
          [&wish](const std::string& when) {
            wish = when == "always"  ? ColorWish::Always
                   : when == "never" ? ColorWish::Never
                                     : ColorWish::Auto;
          },
          "Colours: auto (default: on a terminal, unless NO_COLOR is set), always or never")
      ->type_name("WHEN")
      ->check([](const std::string& when) {
        return when == "auto" || when == "always" || when == "never"
                   ? std::string{}
                   : std::string{"must be 'auto', 'always' or 'never'"};
      });
}

// CLI11 would write "redlock run [OPTIONS] NAME"; the command behind "--" is not its business.
class Formatter : public CLI::Formatter {
 public:
  Formatter() { column_width(34); }
  std::string make_usage(const CLI::App* app, std::string) const override {
    const Usage* const usage = find_usage(app->get_name());
    if (usage == nullptr) return "Usage: redlock COMMAND [OPTIONS] ...\n";
    return fmt::format("Usage: redlock {} [OPTIONS] {}\n", usage->command, usage->arguments);
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
        return digits && std::stoi(text) <= 255 ? std::string{} : "must be a number up to 255";
      });
  command
      .add_option_function<std::string>(
          "--events", [&lock](const std::string& target) { lock.events = target; },
          "Write what happens to the lock as JSON lines: to FILE, or to descriptor N with fd:N")
      ->type_name("FILE|fd:N")
      ->group("Lock");
  add_setting_flags(command, lock.flags.layer, kWaitingSettings);
  command.get_option("--wait")->excludes(nonblock);
  add_setting_flags(command, lock.flags.layer, kLeaseSettings);
  add_setting_flags(command, lock.flags.layer, kNodeSettings);
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
  constexpr std::string_view settings[] = {"release_when"};
  add_setting_flags(*command, run.lock.flags.layer, settings);
  command->footer(kRunExitStatus);
  return command;
}

// A number of a process, and nothing like one.
std::optional<pid_t> parse_pid(const std::string& text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && pid > 0 ? std::optional{pid} : std::nullopt;
}

void add_format_flags(CLI::App& command, GrantFormat& format) {
  auto* named = command
                    .add_option_function<std::string>(
                        "--format",
                        [&format](const std::string& what) {
                          format = what == "shell"  ? GrantFormat::Shell
                                   : what == "json" ? GrantFormat::Json
                                                    : GrantFormat::Token;
                        },
                        "What to print: 'token' (default), 'shell' (assignments for eval) or 'json'")
                    ->type_name("FORMAT")
                    ->check([](const std::string& what) {
                      return what == "token" || what == "shell" || what == "json"
                                 ? std::string{}
                                 : std::string{"must be 'token', 'shell' or 'json'"};
                    });
  command
      .add_flag_function(
          "--json", [&format](std::int64_t) { format = GrantFormat::Json; }, "The same as --format json")
      ->excludes(named);
}

CLI::App* add_acquire(CLI::App& app, AcquireOptions& acquire) {
  CLI::App* command = app.add_subcommand("acquire", "Take a lock for a script, and print its token");
  add_lock_options(*command, acquire.lock);
  add_format_flags(*command, acquire.format);
  auto* pid =
      command
          ->add_option_function<std::string>(
              "--while-pid", [&acquire](const std::string& text) { acquire.while_pid = parse_pid(text); },
              "Extend it in the background until this process ends ($$: the script), then release it")
          ->type_name("PID")
          ->check([](const std::string& text) {
            return parse_pid(text) ? std::string{} : std::string{"must be the number of a process"};
          });
  command
      ->add_option_function<std::string>(
          "--lost-signal",
          [&acquire](const std::string& text) {
            acquire.lost_signal = process::parse_signal(text).value_or(SIGTERM);
          },
          "What the process gets when the lock is lost (default: TERM)")
      ->type_name("SIGNAL")
      ->needs(pid)
      ->check([](const std::string& text) {
        return process::parse_signal(text)
                   ? std::string{}
                   : std::string{"must be the name or number of a signal, such as TERM"};
      });
  command->get_option("--conflict-exit-code")
      ->description("Exit status when somebody else holds the lock, not 0 (default: 75)");
  command->get_option("--kill-after")
      ->needs(pid)
      ->description("With --while-pid: this long before a lost lock ends comes the signal; at most ttl/3");
  command->footer(kAcquireExitStatus);
  return command;
}

void add_token_options(CLI::App& command, TokenOptions& held) {
  command.add_option("NAME", held.name, "The lock")->required()->type_name("");
  command
      .add_option_function<std::string>(
          "TOKEN", [&held](const std::string& token) { held.token = token; },
          "Its token (default: $REDLOCK_TOKEN; '-': standard input)")
      ->type_name("");
  add_setting_flags(command, held.flags.layer, kNodeSettings);
  add_node_flags(command, held.flags);
  command.footer(kTokenExitStatus);
}

CLI::App* add_extend(CLI::App& app, ExtendOptions& extend) {
  CLI::App* command = app.add_subcommand("extend", "Give a lock that is held its whole ttl again");
  constexpr std::string_view settings[] = {"ttl"};
  add_setting_flags(*command, extend.held.flags.layer, settings);
  command->get_option("--ttl")->description(
      "The least length of the lease from now on; a longer one is kept (default: 30s)");
  add_token_options(*command, extend.held);
  return command;
}

CLI::App* add_release(CLI::App& app, ReleaseOptions& release) {
  CLI::App* command = app.add_subcommand("release", "Release a lock that is held");
  add_token_options(*command, release.held);
  return command;
}

CLI::App* add_sandbox(CLI::App& app, SandboxOptions& sandbox) {
  CLI::App* command = app.add_subcommand(
      "sandbox", "Run a command with throw-away Redis servers ($REDLOCK_NODES), then clean up");
  command->add_option("-n,--nodes", sandbox.nodes, "How many servers (default: 5)")
      ->type_name("N")
      ->check(CLI::Range(1, 99).description(""));
  auto* sockets =
      command->add_flag("--unix", sandbox.unix_sockets, "On unix sockets instead of loopback ports");
  command->add_flag("--tls", sandbox.tls, "With TLS, and a CA that is thrown away with them")
      ->excludes(sockets);
  command->add_flag("--acl", sandbox.acl,
                    "For one user only, with a password and the least rights that a lock needs");
  command->footer(
      "\nThe servers keep nothing on disk. Exit status: the command's own; 71 when they cannot be started.");
  return command;
}

// What the commands share that only look.
void add_inspection_options(CLI::App& command, config::Flags& flags, bool& json, const char* json_help,
                            std::span<const std::string_view> settings) {
  command.add_flag("--json", json, json_help);
  add_setting_flags(command, flags.layer, settings);
  add_node_flags(command, flags);
}

CLI::App* add_status(CLI::App& app, StatusOptions& status) {
  CLI::App* command =
      app.add_subcommand("status", "Tell who holds a lock, since when, and what each node says");
  command->add_option("NAME", status.names, "The locks")->required()->type_name("");
  command->add_flag("--watch", status.watch,
                    "Look every second: in place on a terminal, else a line on each change");
  add_inspection_options(*command, status.flags, status.json, "A JSON array with an object for each lock",
                         kNodeSettings);
  command->footer(
      "\nExit status: 0 held, 1 not held (free, or its votes are split), 69 no quorum: cannot tell. Of "
      "several\n"
      "locks the worst: 69 before 1 before 0.");
  return command;
}

CLI::App* add_list(CLI::App& app, ListOptions& list) {
  CLI::App* command = app.add_subcommand("list", "List the locks that the nodes know, with their holders");
  command->add_option("GLOB", list.glob, "Only names that match: '*', '?', '[a-z]' and '\\' as in Redis")
      ->type_name("");
  add_inspection_options(*command, list.flags, list.json, "A JSON array with an object for each lock",
                         kNodeSettings);
  command->footer(
      "\nLocks that other Redlock libraries hold are not listed: 'redlock status NAME' tells of those.\n"
      "Exit status: 0, or 69 when no quorum of nodes could be searched.");
  return command;
}

CLI::App* add_break(CLI::App& app, BreakOptions& options) {
  CLI::App* command = app.add_subcommand("break", "Take a lock away from whoever holds it");
  command->add_option("NAME", options.name, "The lock")->required()->type_name("");
  command->add_flag("-y,--yes", options.yes, "Do not ask; needed where there is no terminal");
  add_inspection_options(*command, options.flags, options.json,
                         "A JSON object: the lock as it was, and 'broken'", kNodeSettings);
  command->footer(
      "\nThe holder's command is stopped at its next extension.\n"
      "Exit status: 0 broken, 1 not held (any more) or left as it is, 69 no quorum.");
  return command;
}

CLI::App* add_nodes(CLI::App& app, NodesOptions& nodes) {
  CLI::App* command = app.add_subcommand("nodes", "Check every node, and whether they are fit for locks");
  constexpr std::string_view settings[] = {"node_timeout", "restart_quarantine"};
  add_inspection_options(*command, nodes.flags, nodes.json,
                         "A JSON object with the verdict and an array of the nodes", settings);
  command->footer("\nExit status: 0 safe, or works with warnings; 69 no quorum.");
  return command;
}

// The command behind "--", for those that run one.
std::vector<std::string> command_behind(const Usage& usage,
                                        const std::optional<std::vector<std::string>>& rest) {
  if (!rest) {
    throw UsageError{
        fmt::format("no command: put it behind '--': redlock {} {}", usage.command, usage.arguments)};
  }
  if (rest->empty() || rest->front().empty()) {
    throw UsageError{fmt::format("the command is empty: redlock {} {}", usage.command, usage.arguments)};
  }
  return *rest;
}

void refuse_silent_conflict(const LockOptions& lock) {
  if (lock.conflict_exit_code != exit_status::kYes) return;
  throw UsageError{
      "acquire: -E 0 would tell a script that it has a lock which somebody else holds; use a number from 1 "
      "to "
      "255"};
}

// CLI11's messages, as one line of ours.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
    text[0] = static_cast<char>(text[0] + 32);
  return printable(text, 300);
}

std::string see_help(const Usage* usage) {
  return usage == nullptr ? "see 'redlock --help'" : fmt::format("see 'redlock {} --help'", usage->command);
}

// What stands where nothing is expected. `separated`: there was a "--".
std::string explain_extras(const std::vector<std::string>& extras, bool separated, const Usage* usage) {
  for (const std::string& extra : extras) {
    if (extra.starts_with('-'))
      return fmt::format("unknown option {}: {}", quoted(extra, 64), see_help(usage));
  }
  if (!separated && usage != nullptr && usage->runs_command) {
    return fmt::format("no command: put it behind '--': redlock {} {}", usage->command, usage->arguments);
  }
  return fmt::format("unexpected argument {}: {}", quoted(extras.empty() ? "" : extras.back(), 64),
                     see_help(usage));
}

// The command of redlock among `args`: the first word that is one and no option's value.
const Usage* command_among(std::span<const std::string> args) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--color") {
      ++i;
    } else if (const Usage* const usage = find_usage(args[i])) {
      return usage;
    }
  }
  return nullptr;
}

std::string explain_missing_command(std::span<const std::string> args) {
  for (const std::string& arg : args) {
    if (!arg.starts_with('-'))
      return fmt::format("there is no command {}: see 'redlock --help'", quoted(arg, 64));
  }
  return "no command given: see 'redlock --help'";
}

CLI::App* add_help(CLI::App& app, std::string& command) {
  CLI::App* help = app.add_subcommand("help", "Tell how a command is used");
  help->add_option("COMMAND", command, "The command; without it: what commands there are")->type_name("");
  help->footer("\nMore stands in redlock(1).");
  return help;
}

std::string help_of(CLI::App& app, const std::string& command) {
  if (command.empty()) return app.get_formatter()->make_help(&app, {}, CLI::AppFormatMode::Normal);
  if (find_usage(command) == nullptr) {
    throw UsageError{explain_missing_command({&command, 1})};
  }
  return app.get_subcommand(command)->help();
}

}  // namespace

Invocation parse_command_line(const std::vector<std::string>& args) {
  auto end = std::find(args.begin(), args.end(), "--");
  const Usage* const usage = command_among({args.begin(), end});
  std::optional<std::vector<std::string>> command;  // what stands behind the first "--"
  if (end != args.end() && (usage == nullptr || usage->runs_command)) {
    command.emplace(end + 1, args.end());
  } else {
    end = args.end();
  }

  RunOptions run;
  AcquireOptions acquire;
  ExtendOptions extend;
  ReleaseOptions release;
  SandboxOptions sandbox;
  StatusOptions status;
  ListOptions list;
  BreakOptions breaking;
  NodesOptions nodes;
  std::string help_wanted;
  Verbosity verbosity;
  ColorWish color = ColorWish::Auto;
  CLI::App app{"Run a command on one machine at a time, under a lock that a quorum of Redis servers grants.",
               "redlock"};
  app.formatter(std::make_shared<Formatter>());
  app.set_version_flag("-V,--version", "redlock " REDLOCK_VERSION, "Print the version");
  app.footer(kExamples);
  app.require_subcommand(1);
  app.fallthrough();
  add_verbosity_flags(app, verbosity);
  add_color_flag(app, color);
  CLI::App* run_command = add_run(app, run);
  CLI::App* acquire_command = add_acquire(app, acquire);
  CLI::App* extend_command = add_extend(app, extend);
  CLI::App* release_command = add_release(app, release);
  CLI::App* sandbox_command = add_sandbox(app, sandbox);
  CLI::App* status_command = add_status(app, status);
  CLI::App* list_command = add_list(app, list);
  CLI::App* break_command = add_break(app, breaking);
  CLI::App* nodes_command = add_nodes(app, nodes);
  CLI::App* help_command = add_help(app, help_wanted);

  // CLI11 wants the arguments last first.
  std::vector<std::string> reversed{args.begin(), end};
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    for (const CLI::App* chosen : app.get_subcommands()) return {.what = Information{chosen->help()}};
    return {.what = Information{app.help()}};
  } catch (const CLI::CallForVersion& version) {
    return {.what = Information{std::string{version.what()} + "\n"}};
  } catch (const CLI::ExtrasError&) {
    throw UsageError{explain_extras(app.remaining(true), command.has_value(), usage)};
  } catch (const CLI::RequiredError& error) {
    if (usage == nullptr) throw UsageError{explain_missing_command({args.begin(), end})};
    throw UsageError{fmt::format("{}: {}", one_line(error.what()), see_help(usage))};
  } catch (const CLI::ParseError& error) {
    throw UsageError{fmt::format("{}: {}", one_line(error.what()), see_help(usage))};
  }

  Invocation invocation{.log_level = verbosity.level(), .color = color, .what = {}};
  if (run_command->parsed()) {
    run.command = command_behind(*usage, command);
    config::check_lock_name(run.lock.name);
    invocation.what = std::move(run);
  } else if (acquire_command->parsed()) {
    config::check_lock_name(acquire.lock.name);
    refuse_silent_conflict(acquire.lock);
    acquire.lock.for_eval = acquire.format == GrantFormat::Shell;
    invocation.what = std::move(acquire);
  } else if (extend_command->parsed()) {
    config::check_lock_name(extend.held.name);
    invocation.what = std::move(extend);
  } else if (release_command->parsed()) {
    config::check_lock_name(release.held.name);
    invocation.what = std::move(release);
  } else if (sandbox_command->parsed()) {
    sandbox.command = command_behind(*usage, command);
    invocation.what = std::move(sandbox);
  } else if (status_command->parsed()) {
    for (const std::string& name : status.names) config::check_lock_name(name);
    invocation.what = std::move(status);
  } else if (list_command->parsed()) {
    invocation.what = std::move(list);
  } else if (break_command->parsed()) {
    config::check_lock_name(breaking.name);
    invocation.what = std::move(breaking);
  } else if (nodes_command->parsed()) {
    invocation.what = std::move(nodes);
  } else if (help_command->parsed()) {
    invocation.what = Information{help_of(app, help_wanted)};
  } else {
    throw UsageError{"no command given: see 'redlock --help'"};
  }
  return invocation;
}

}  // namespace redlock::cli

#pragma once

#include "cli/args/commands.hpp"
#include "cli/terminal/terminal.hpp"
#include "config/keys.hpp"

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// The values of the command line, and the table of options and arguments that they come from. The parser, --help and the
// completions all read the table. To add an option, add its member and its row.
namespace redlock::cli {

// Enumerators have the order of the words in `values` of their row.
enum class OnLost { Stop, Warn };
enum class GrantFormat { Token, Shell, Json };

struct Signal {
  int number = SIGTERM;
};

// The base has the values that the configuration file and the environment can set, too.
struct Arguments : config::Flags {
  bool quiet = false;
  bool verbose = false;
  ColorWish color = ColorWish::Auto;
  std::string help_topic;  // of `help`: the name of a command, or empty

  std::vector<std::string> names;    // of the lock; of the locks of `status` and `break`
  std::string glob = "*";            // of `list`: names of locks, as Redis understands globs
  std::optional<std::string> token;  // "-": on standard input; absent: in the environment
  std::string file;                  // of `fence`
  std::vector<std::string> command;  // all words after the first "--"; empty only for `fence` without one

  std::optional<std::string> fence;
  bool nonblock = false;
  unsigned conflict_exit_code = 75;
  std::optional<std::string> events;  // FILE or fd:N
  OnLost on_lost = OnLost::Stop;
  GrantFormat format = GrantFormat::Token;
  std::optional<pid_t> while_pid;  // extend the lock in the background while this process lives
  Signal lost_signal;              // for that process, if the lock is lost

  unsigned nodes = 5;
  bool unix_sockets = false;
  bool tls = false;
  bool acl = false;

  bool json = false;
  bool watch = false;
  bool yes = false;
};

// The member for a value. Its type decides how the value is read; a bool is an option without a value.
using Target =
    std::variant<std::monostate,  // --help and --version
                 bool Arguments::*, std::string Arguments::*, std::vector<std::string> Arguments::*,
                 unsigned Arguments::*, ColorWish Arguments::*, OnLost Arguments::*, GrantFormat Arguments::*,
                 Signal Arguments::*, std::optional<std::string> Arguments::*,
                 std::optional<pid_t> Arguments::*, config::KeyMember>;  // the last: a setting

// The words that a completion offers.
enum class Offer { Values, Files, ConfigurationFiles, Locks, Processes, Signals, NodeUrls, Commands };

struct OptionDetails {
  std::string_view group = "Options";  // in --help
  std::string_view values = {};        // words: all of an enumeration, else examples for completion
  Offer offer = Offer::Values;
  std::string_view excludes = {};  // a long option that must be absent
  std::string_view needs = {};     // a long option that must be present
  bool required = false;
  unsigned least = 0, most = 0;  // of a number
};

struct OptionRow {
  std::string_view names;     // "-w,--wait"; an argument without a dash: "NAME"
  std::string_view argument;  // the name of the value in --help; empty without one
  CommandSet commands;        // those that take it
  Target target;
  std::string_view help;
  OptionDetails details = {};

  constexpr bool is_option() const { return names.starts_with('-'); }
  constexpr bool is_flag() const { return argument.empty() && is_option(); }
  constexpr std::string_view long_name() const {
    const std::size_t comma = names.find(',');
    return comma == std::string_view::npos ? names : names.substr(comma + 1);
  }
};

// The argument whose value must be a good name of a lock.
inline constexpr std::string_view kLockName = "NAME";
// One of several whose last may be a token.
inline constexpr std::string_view kLockNameOrToken = "NAMES";

inline constexpr CommandSet kTakesLock = kRun | kAcquire;
inline constexpr CommandSet kTakesToken = kExtend | kRelease;
inline constexpr CommandSet kInspects = kStatus | kList | kBreak;
inline constexpr CommandSet kAsksNodes = kTakesLock | kTakesToken | kInspects | kNodes;

// clang-format would give each field a line.
// clang-format off
inline constexpr OptionRow kOptions[] = {
    {"-h,--help", "", kProgram, {}, "Print this help and exit"},
    {"-V,--version", "", kProgram, {}, "Print the version and exit"},
    {"-q,--quiet", "", kProgram, &Arguments::quiet, "Print errors only, no notices or warnings"},
    {"-v,--verbose", "", kProgram, &Arguments::verbose,
     "Report votes, times and extensions", {.excludes = "--quiet"}},
    {"--color", "WHEN", kProgram, &Arguments::color,
     "When to use colours: auto (default: on a terminal, unless NO_COLOR is set), always or never",
     {.values = "auto always never"}},

    {kLockName, "", kTakesLock, &Arguments::names,
     "The lock: any text of up to 512 bytes; several, up to 16, are held together or not at all",
     {.offer = Offer::Locks, .required = true}},
    {kLockNameOrToken, "", kTakesToken, &Arguments::names,
     "The lock, or all that are held with one token. Of two words without --token the second is the TOKEN",
     {.offer = Offer::Locks, .required = true}},
    {kLockName, "", kBreak, &Arguments::names,
     "The locks; a NAME with '*', '?' or '[' is a pattern as the GLOB of 'list'", {.offer = Offer::Locks, .required = true}},
    {kLockName, "", kStatus, &Arguments::names, "The locks", {.offer = Offer::Locks, .required = true}},
    {"GLOB", "", kList, &Arguments::glob, "Only names that match: '*', '?', '[a-z]' and '\\' as in Redis"},
    {"FILE", "", kFence, &Arguments::file,
     "Keeps the greatest fence that it has seen; created if it is not there", {.offer = Offer::Files, .required = true}},
    {"COMMAND", "", kHelp, &Arguments::help_topic,
     "The command; without it, all commands are listed", {.offer = Offer::Commands}},

    {"--fence", "N", kFence, &Arguments::fence, "The holder's fence (default: $REDLOCK_FENCE)"},
    {"-n,--nonblock", "", kTakesLock, &Arguments::nonblock,
     "Do not wait: exit 75 when it is held", {.group = "Lock"}},
    {"-n,--nonblock", "", kFence, &Arguments::nonblock, "Do not wait: exit 75 when FILE is locked"},
    {"-w,--wait", "DURATION", kFence, &config::Layer::wait,
     "Wait at most this long for FILE (default: for ever)", {.values = "10s 1m 10m 1h", .excludes = "--nonblock"}},
    {"--slots", "N", kTakesLock, &config::Layer::slots,
     "Up to N at a time hold the lock, each a slot of their own ($REDLOCK_SLOT)", {.group = "Lock", .values = "2 4 10"}},
    {"--slots", "N", kTakesToken, &config::Layer::slots,
     "The lock has N slots: find the one that TOKEN holds", {.group = "Lock", .values = "2 4 10"}},
    {"--slots", "N", kStatus, &config::Layer::slots,
     "The lock has N slots: show who has which", {.group = "Lock", .values = "2 4 10"}},
    {"-E,--conflict-exit-code", "N", kFence, &Arguments::conflict_exit_code,
     "Exit status when another command has locked FILE (default: 75)", {.values = "0 75", .most = 255}},
    {"-E,--conflict-exit-code", "N", kRun, &Arguments::conflict_exit_code,
     "Exit status when somebody else holds the lock (default: 75)", {.group = "Lock", .values = "0 75", .most = 255}},
    {"-E,--conflict-exit-code", "N", kAcquire, &Arguments::conflict_exit_code,
     "Exit status when somebody else holds the lock, not 0 (default: 75)",
     {.group = "Lock", .values = "1 75", .most = 255}},
    {"--events", "FILE|fd:N", kTakesLock, &Arguments::events,
     "Write what happens to the lock as JSON lines: to FILE, or to descriptor N with fd:N",
     {.group = "Lock", .offer = Offer::Files}},
    {"-w,--wait", "DURATION", kTakesLock, &config::Layer::wait,
     "Wait at most this long for the lock (default: for ever)",
     {.group = "Lock", .values = "10s 1m 10m 1h", .excludes = "--nonblock"}},
    {"--quorum-wait", "DURATION", kTakesLock, &config::Layer::quorum_wait,
     "Try this long while no quorum answers (default: 1m, or the restart quarantine and 10s if longer)",
     {.group = "Lock", .values = "0s 10s 1m 10m"}},
    {"--retry-delay", "DURATION", kTakesLock, &config::Layer::retry_delay,
     "Pause between attempts, before jitter (default: 200ms)", {.group = "Lock", .values = "100ms 200ms 1s"}},
    {"--retry-count", "N", kTakesLock, &config::Layer::retry_count,
     "Attempts after the first (default: no limit)", {.group = "Lock"}},
    {"--ttl", "DURATION", kTakesLock, &config::Layer::ttl,
     "Length of the lease; it is extended while the command runs (default: 30s)",
     {.group = "Lock", .values = "15s 30s 1m 5m"}},
    {"--ttl", "DURATION", kExtend, &config::Layer::ttl,
     "The least length of the lease from now on; a longer one is kept (default: 30s)",
     {.group = "Lock", .values = "15s 30s 1m 5m"}},
    {"-k,--kill-after", "DURATION", kRun, &config::Layer::kill_after,
     "Time between TERM and KILL when the lock is lost; at most ttl/3 (default: 5s or ttl/3)",
     {.group = "Lock", .values = "1s 5s 10s"}},
    {"-k,--kill-after", "DURATION", kAcquire, &config::Layer::kill_after,
     "Time between the signal and the end of a lost lock; at most ttl/3",
     {.group = "Lock", .values = "1s 5s 10s", .needs = "--while-pid"}},
    {"--node-timeout", "DURATION", kAsksNodes, &config::Layer::node_timeout,
     "How long a node may take to answer (default: 1s or ttl/3)", {.group = "Lock", .values = "100ms 500ms 1s"}},
    {"--restart-quarantine", "DURATION", kAsksNodes, &config::Layer::restart_quarantine,
     "A node that restarted within this time has no vote (default: the ttl; 0 with fewer than 3 nodes)",
     {.group = "Lock", .values = "0s 30s 5m"}},
    {"--key-prefix", "TEXT", kAsksNodes & ~kNodes, &config::Layer::key_prefix,
     "Put this in front of the lock's name in Redis (default: nothing)", {.group = "Lock"}},
    {"--note", "TEXT", kTakesLock, &config::Layer::note,
     "A text that others see beside the holder: a ticket, the URL of a build ($REDLOCK_NOTE)", {.group = "Lock"}},
    {"--on-lost", "stop|warn", kRun, &Arguments::on_lost,
     "What to do when the lock is lost: 'stop' the command (default) or 'warn' and let it run; exit 79 either way",
     {.group = "Lock", .values = "stop warn"}},
    {"--reentrant", "", kRun, &config::Layer::reentrant,
     "Inside a run of the same lock, run the command under that one's lease, instead of exit 75", {.group = "Lock"}},
    {"--release-when", "command|all", kRun, &config::Layer::release_when,
     "When to release the lock: when the command has ended (default), or all that it has left running",
     {.group = "Lock", .values = "command all"}},

    {"--at-least", "DURATION", kRun, &config::Layer::at_least,
     "Nobody else gets the lock for this long from the grant on, also where the command ends sooner",
     {.group = "Lock", .values = "1m 5m 1h"}},
    {"--release-on-failure", "", kRun, &config::Layer::release_on_failure,
     "But release the lock at once where the command ends with anything but 0", {.group = "Lock"}},

    {"-c,--config", "FILE", kAsksNodes, &Arguments::config_file,
     "Read this file instead of the usual ones", {.group = "Nodes", .offer = Offer::ConfigurationFiles}},
    {"--node", "URL", kAsksNodes, &Arguments::node_urls,
     "A Redis server: redis://[user:password@]host[:port][/db], rediss://... (TLS), unix:///path",
     {.group = "Nodes", .values = "redis:// rediss:// unix:///", .offer = Offer::NodeUrls}},

    {"--token", "TOKEN", kTakesToken, &Arguments::token,
     "What 'redlock acquire' printed (default: $REDLOCK_TOKEN; '-': a line of standard input)"},
    {"--format", "FORMAT", kAcquire, &Arguments::format,
     "What to print: 'token' (default), 'shell' (assignments for eval) or 'json'", {.values = "token shell json"}},
    {"--json", "", kAcquire, &Arguments::json, "The same as --format json", {.excludes = "--format"}},
    {"--json", "", kStatus | kList, &Arguments::json, "A JSON array with an object for each lock"},
    {"--json", "", kBreak, &Arguments::json, "A JSON object: the lock as it was, and 'broken'; of several an array"},
    {"--json", "", kNodes, &Arguments::json, "A JSON object with the verdict and an array of the nodes"},
    {"--while-pid", "PID", kAcquire, &Arguments::while_pid,
     "Extend it in the background until this process ends ($$: the script), then release it",
     {.offer = Offer::Processes}},
    {"--lost-signal", "SIGNAL", kAcquire, &Arguments::lost_signal,
     "What the process gets when the lock is lost (default: TERM)",
     {.values = "TERM INT HUP USR1 USR2", .offer = Offer::Signals, .needs = "--while-pid"}},
    {"-n,--nodes", "N", kSandbox, &Arguments::nodes,
     "How many servers (default: 5)", {.values = "3 5 7", .least = 1, .most = 99}},
    {"--unix", "", kSandbox, &Arguments::unix_sockets, "On unix sockets instead of loopback ports"},
    {"--tls", "", kSandbox, &Arguments::tls,
     "With TLS, and a CA that is thrown away with them", {.excludes = "--unix"}},
    {"--acl", "", kSandbox, &Arguments::acl,
     "For one user only, with a password and the least rights that a lock needs"},
    {"--watch", "", kStatus, &Arguments::watch,
     "Look every second: in place on a terminal, else a line on each change"},
    {"-y,--yes", "", kBreak, &Arguments::yes, "Do not ask; needed where there is no terminal"},
};
// clang-format on

}  // namespace redlock::cli

#pragma once

#include "base/log.hpp"
#include "cli/terminal/terminal.hpp"
#include "config/settings.hpp"

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// What the user asked for, as far as the command line tells.
namespace redlock::cli {

// What every command that takes a lock has.
struct LockOptions {
  std::string name;
  config::Flags flags;
  bool nonblock = false;
  int conflict_exit_code = 75;
  std::optional<std::string> events;  // --events: FILE or fd:N
  bool for_eval = false;              // a shell evaluates what is printed, also when there is no lock
};

struct RunOptions {
  LockOptions lock;
  std::vector<std::string> command;  // what stands behind the first "--", untouched; never empty
  bool stop_when_lost = true;        // --on-lost=warn: the command runs on without the lock
};

// What `acquire` prints.
enum class GrantFormat { Token, Shell, Json };

struct AcquireOptions {
  LockOptions lock;
  GrantFormat format = GrantFormat::Token;
  std::optional<pid_t> while_pid;  // extended in the background for as long as this process lives
  int lost_signal = SIGTERM;       // what that process gets when the lock is lost
};

// A lock that is held already.
struct TokenOptions {
  std::string name;
  config::Flags flags;
  std::optional<std::string> token;  // "-": on standard input; none: in the environment
};
struct ExtendOptions {
  TokenOptions held;
};
struct ReleaseOptions {
  TokenOptions held;
};

struct SandboxOptions {
  unsigned nodes = 5;
  bool unix_sockets = false;
  bool tls = false;
  bool acl = false;
  std::vector<std::string> command;
};

struct StatusOptions {
  std::vector<std::string> names;
  config::Flags flags;
  bool watch = false;
  bool json = false;
};

struct ListOptions {
  std::string glob = "*";  // of names, as Redis understands globs
  config::Flags flags;
  bool json = false;
};

struct BreakOptions {
  std::string name;
  config::Flags flags;
  bool yes = false;  // do not ask
  bool json = false;
};

struct NodesOptions {
  config::Flags flags;
  bool json = false;
};

// --help or --version: what to print on stdout.
struct Information {
  std::string text;
};

struct Invocation {
  log::Level log_level = log::Level::Notice;
  ColorWish color = ColorWish::Auto;
  std::variant<RunOptions, AcquireOptions, ExtendOptions, ReleaseOptions, SandboxOptions, StatusOptions,
               ListOptions, BreakOptions, NodesOptions, Information>
      what;
};

// Throws UsageError with a message that says what would be right.
Invocation parse_command_line(const std::vector<std::string>& args);

}  // namespace redlock::cli

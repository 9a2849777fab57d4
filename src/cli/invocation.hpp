#pragma once

#include "base/log.hpp"
#include "cli/terminal.hpp"
#include "config/settings.hpp"

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
};

struct RunOptions {
  LockOptions lock;
  std::vector<std::string> command;  // what stands behind the first "--", untouched; never empty
  bool stop_when_lost = true;        // --on-lost=warn: the command runs on without the lock
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
  std::variant<RunOptions, SandboxOptions, StatusOptions, ListOptions, BreakOptions, NodesOptions,
               Information>
      what;
};

// Throws UsageError with a message that says what would be right.
Invocation parse_command_line(const std::vector<std::string>& args);

}  // namespace redlock::cli

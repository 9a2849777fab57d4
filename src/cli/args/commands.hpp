#pragma once

#include <cstdint>
#include <string_view>

// The table of commands. The parser, --help and the completions all read it. To add a command, add its bit, its function
// and its row here, and its bit to the options in cli/args/options.hpp that it takes.
namespace redlock::cli {

struct Arguments;

// A set of commands: those that take an option.
using CommandSet = std::uint32_t;
inline constexpr CommandSet kProgram = 1U << 0U;  // redlock itself, before a command or without one
inline constexpr CommandSet kRun = 1U << 1U;
inline constexpr CommandSet kAcquire = 1U << 2U;
inline constexpr CommandSet kExtend = 1U << 3U;
inline constexpr CommandSet kRelease = 1U << 4U;
inline constexpr CommandSet kSandbox = 1U << 5U;
inline constexpr CommandSet kStatus = 1U << 6U;
inline constexpr CommandSet kList = 1U << 7U;
inline constexpr CommandSet kBreak = 1U << 8U;
inline constexpr CommandSet kNodes = 1U << 9U;
inline constexpr CommandSet kHelp = 1U << 10U;
inline constexpr CommandSet kFence = 1U << 11U;

// Each executes the command of its name and returns the exit status (redlock(1), EXIT STATUS). Throws Error.
int run(const Arguments& arguments);
int acquire(const Arguments& arguments);
int extend(const Arguments& arguments);
int release(const Arguments& arguments);
int sandbox(const Arguments& arguments);
int status(const Arguments& arguments);
int list(const Arguments& arguments);
int break_lock(const Arguments& arguments);
int nodes(const Arguments& arguments);
int fence(const Arguments& arguments);

struct CommandRow {
  CommandSet bit;
  std::string_view name;
  std::string_view arguments;  // as the usage line shows them
  std::string_view summary;
  std::string_view notes;  // below the options in --help
  int (*execute)(const Arguments&);

  // Whether a command to run follows "--". For other commands "--" ends the options: an argument may begin with '-'.
  constexpr bool runs_command() const { return arguments.find("-- COMMAND") != std::string_view::npos; }
  constexpr bool may_lack_command() const { return arguments.find("[-- COMMAND") != std::string_view::npos; }
};

inline constexpr CommandRow kCommands[] = {
    {kRun, "run", "NAME... -- COMMAND [ARG...]",
     "Run a command while holding a lock, on one machine at a time",
     "Exit status: the command's own; 128+N when signal N killed it; 64 usage, 69 no quorum, 70 internal,\n"
     "71 system, 75 held by somebody else (see -E), 78 configuration, 79 lock lost and command stopped,\n"
     "126 cannot be executed, 127 not found.\n"
     "\nDURATION: 500ms, 30s, 5m, 1h30m, 2d, 1w; a bare number is seconds.",
     run},
    {kAcquire, "acquire", "NAME...", "Acquire a lock for a script, and print its token",
     "Exit status: 0 and the token on standard output; 64 usage, 69 no quorum, 70 internal, 71 system\n"
     "(nobody takes the token), 75 held by somebody else (see -E), 78 configuration.\n"
     "\nDURATION: 500ms, 30s, 5m, 1h30m, 2d, 1w; a bare number is seconds.",
     acquire},
    {kExtend, "extend", "NAME [TOKEN] | NAME... [--token TOKEN]", "Extend a held lock to its whole ttl",
     "TOKEN: what 'redlock acquire' printed; without it $REDLOCK_TOKEN, and with '-' a line of standard "
     "input,\n"
     "which other users of the machine cannot see.\n"
     "\nExit status: 0 done; 1 it is not held with this token: expired, or somebody else's; 64 usage,\n"
     "69 no quorum, 70 internal, 71 system, 78 configuration.",
     extend},
    {kRelease, "release", "NAME [TOKEN] | NAME... [--token TOKEN]", "Release a held lock",
     "TOKEN: what 'redlock acquire' printed; without it $REDLOCK_TOKEN, and with '-' a line of standard "
     "input,\n"
     "which other users of the machine cannot see.\n"
     "\nExit status: 0 done; 1 it is not held with this token: expired, or somebody else's; 64 usage,\n"
     "69 no quorum, 70 internal, 71 system, 78 configuration.",
     release},
    {kSandbox, "sandbox", "-- COMMAND [ARG...]",
     "Run a command with throw-away Redis servers ($REDLOCK_NODES), then clean up",
     "The servers keep nothing on disk. Exit status: the command's own; 71 when they cannot be started.",
     sandbox},
    {kStatus, "status", "NAME...", "Show who holds a lock, since when, and what each node says",
     "Exit status: 0 held, 1 not held (free, or its votes are split), 69 no quorum: cannot tell. Of several\n"
     "locks the worst: 69 before 1 before 0.",
     status},
    {kList, "list", "[GLOB]", "List the locks that the nodes know, with their holders",
     "Locks that other Redlock libraries hold are not listed: 'redlock status NAME' shows those.\n"
     "Exit status: 0, or 69 when no quorum of nodes could be searched.",
     list},
    {kBreak, "break", "NAME...", "Take locks away from their holders",
     "The holder's command is stopped at its next extension. All locks are shown, and one question is "
     "asked.\n"
     "'ci-*' breaks each lock that 'redlock list' shows for it; 'a\\*' is the lock with the name a*.\n"
     "Exit status: 0 broken, 1 not held (any more) or left as it is, 69 no quorum. Of several the worst.",
     break_lock},
    {kNodes, "nodes", "", "Check every node, and whether they are fit for locks",
     "Exit status: 0 safe, or works with warnings; 69 no quorum.", nodes},
    {kFence, "fence", "FILE [-- COMMAND [ARG...]]",
     "Beside the resource: run a command unless FILE has seen a greater fence",
     "Asks no node and needs no configuration. FILE keeps the greatest fence, and is locked until COMMAND "
     "has ended.\n"
     "Without a COMMAND, --fence is only checked and recorded; without both, the fence that FILE has seen is "
     "printed.\n"
     "\nExit status: the command's own; 128+N when signal N killed it; 1 the fence is stale, and the command "
     "was\n"
     "not run; 64 usage, 70 internal, 71 system, or FILE cannot be used; 75 another command has locked FILE\n"
     "(see -E); 126 cannot be executed, 127 not found.",
     fence},
    {kHelp, "help", "[COMMAND]", "Show how a command is used", "redlock(1) has more.", nullptr},
};

// The row of the command `name`, or nullptr.
constexpr const CommandRow* find_command(std::string_view name) {
  for (const CommandRow& row : kCommands) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace redlock::cli

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/terminal/output.hpp"
#include "cli/terminal/terminal.hpp"
#include "fence/fence_file.hpp"
#include "process/plain_command.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>

// The one command that asks no node, and so reads no configuration: it runs where the resource is (redlock(1), "redlock
// fence").
namespace redlock::cli {
namespace {

using fence::Fence;
using fence::FenceFile;

constexpr const char* kVariable = "REDLOCK_FENCE";

// A log gets no line for a wait that is as short as usual.
constexpr Duration kNoticeWithoutTerminal = std::chrono::seconds{3};

Fence fence_of(const Arguments& arguments) {
  const char* const variable = std::getenv(kVariable);
  const std::string text = arguments.fence ? *arguments.fence : variable != nullptr ? variable : "";
  if (!arguments.fence && text.empty()) {
    throw UsageError{
        "no fence: give it with --fence, or in $REDLOCK_FENCE, which 'redlock run' sets for its command"};
  }
  const auto fence = fence::parse_fence(text);
  if (!fence) {
    throw UsageError{fmt::format("{}: {} is not a fence: it must be a whole number from 1 to 2^53 - 1",
                                 arguments.fence ? "--fence" : kVariable, quoted(text, 64))};
  }
  return *fence;
}

// Only shows what the file has seen.
int show(const Arguments& arguments) {
  if (arguments.nonblock || arguments.layer.wait || arguments.conflict_exit_code != exit_status::kConflict) {
    throw UsageError{"-n, -w and -E are for a write: give a COMMAND behind '--', or --fence"};
  }
  print(fmt::format("{}\n", fence::read_fence_file(arguments.file)));
  return exit_status::kYes;
}

std::optional<FenceFile> open_file(const Arguments& arguments) {
  const auto tell = [&] {
    log::notice(fmt::format("waiting for the command that has locked {}", quoted(arguments.file)));
  };
  const Duration tell_after = is_in_foreground(STDERR_FILENO) ? Duration::zero() : kNoticeWithoutTerminal;
  fence::LockWait wait{arguments.nonblock ? Duration::zero() : arguments.layer.wait, tell_after, tell};
  return FenceFile::open(arguments.file, wait);
}

// The exit status stays the command's.
void check_afterwards(const FenceFile& file, const std::string& path) {
  try {
    if (file.is_intact()) return;
    log::error(
        fmt::format("{} was deleted, replaced or changed while the command ran: others may have run beside "
                    "it, and fence {} may be forgotten",
                    quoted(path), file.seen()));
  } catch (const Error& error) {
    log::error(error.what());
  }
}

// The file is locked until the command has ended, and all that it leaves running.
int run_command(const Arguments& arguments, Fence own, FenceFile& file) {
  process::SignalFd signals;
  file.share_with_children();
  SystemClock clock;
  const process::PlainResult result =
      process::run_plain_command(arguments.command, {{kVariable, std::to_string(own)}}, signals, clock);
  check_afterwards(file, arguments.file);
  if (result.terminal_signal) signals.die_of(*result.terminal_signal);
  if (const std::string message = process::message_of(result.exit_reason); !message.empty())
    log::error(message);
  return process::exit_status_of(result.exit_reason);
}

}  // namespace

int fence(const Arguments& arguments) {
  const bool has_command = !arguments.command.empty();
  if (!has_command && !arguments.fence) return show(arguments);
  const Fence own = fence_of(arguments);
  std::optional<FenceFile> file;
  do {
    file.reset();
    file = open_file(arguments);
    if (!file) {
      log::notice(
          fmt::format("{} is locked by another command (it has seen fence {}): 'lslocks' shows the process, "
                      "and with a * those that wait",
                      quoted(arguments.file), fence::read_fence_file(arguments.file)));
      return static_cast<int>(arguments.conflict_exit_code);
    }
    const Fence seen = file->seen();
    if (own < seen) {
      log::error(fmt::format("fence {} is stale: {} has seen {}{}", own, quoted(arguments.file), seen,
                             has_command ? ": the command was not run" : ""));
      return exit_status::kNo;
    }
    file->record(own);
    if (file->created() && seen == 0)
      log::notice(fmt::format("created {}, which had seen no fence", quoted(arguments.file)));
    log::debug(fmt::format("fence {} accepted: the greatest that {} had seen was {}", own,
                           quoted(arguments.file), seen));
  } while (!file->is_intact());
  return has_command ? run_command(arguments, own, *file) : exit_status::kYes;
}

}  // namespace redlock::cli

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/terminal/output.hpp"
#include "lock/manual.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <string>

namespace redlock::cli {
namespace {

using quorum::LockState;

// The consequence for the holder or the contenders.
std::string consequence(const quorum::LockStatus& status) {
  if (status.state == LockState::Split) return "contenders that are still alive begin anew";
  if (quorum::is_anonymous(status.contenders.front().info)) {
    return "its holder is another program, and goes on as if nothing had happened, unless it looks after its "
           "lock";
  }
  return "its holder's command is stopped at its next extension";
}

bool confirmed(const std::string& name, const quorum::LockStatus& status) {
  const std::string question =
      fmt::format("redlock: {}. Break lock {}? [y/N] ", consequence(status), quoted(name));
  if (::write(STDERR_FILENO, question.data(), question.size()) < 0) return false;
  std::string answer;
  for (char c = 0; ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n';) answer += c;
  return answer == "y" || answer == "Y" || answer == "yes";
}

struct BreakResult {
  int status;
  std::string message;
};

// Removes only the tokens that were shown. A later holder keeps the lock.
BreakResult take_away(lock::Inspector& inspector, const std::string& name, const quorum::LockStatus& status) {
  bool removed = false;
  quorum::ReleaseResult result{};
  for (const quorum::Contender& contender : status.contenders) {
    if (status.state == LockState::Held && &contender != status.holder()) break;
    const auto released = lock::release_by_hand(
        inspector.driver(), {.token = contender.token, .note = contender.ttl, .breaks = true});
    removed = removed || released.removed > 0;
    result = released.result;
  }
  const std::string lock = quoted(name);
  if (result == quorum::ReleaseResult::NoQuorum) {
    return {
        exit_status::kNoQuorum,
        fmt::format("no quorum to break lock {}: too few nodes answered, and on the others it is still held",
                    lock)};
  }
  if (removed) return {exit_status::kYes, fmt::format("lock {} is broken: {}", lock, consequence(status))};
  return {exit_status::kNo,
          result == quorum::ReleaseResult::Others
              ? fmt::format("lock {} was given back meanwhile, and has a new holder: nothing is broken", lock)
              : fmt::format("lock {} was given back meanwhile: nothing is broken", lock)};
}

void show(const StatusView& view, const std::string& summary, const lock::Inspector& inspector,
          ColorWish color) {
  const std::size_t width = output_width();
  print(clip(summary, width) + "\n");
  print(show_details(view, inspector, output_palette(color), width));
}

BreakResult decide(const Arguments& arguments, lock::Inspector& inspector, const StatusView& view,
                   const std::string& summary) {
  switch (view.status.state) {
    case LockState::Unknown: return {exit_status::kNoQuorum, summary + ": nothing is broken"};
    case LockState::Free: return {exit_status::kNo, summary + ": nothing is broken"};
    case LockState::Held:
    case LockState::Split: break;
  }
  if (!arguments.yes && !confirmed(view.name, view.status)) {
    return {exit_status::kNo, fmt::format("lock {} is left as it is", quoted(view.name))};
  }
  return take_away(inspector, view.name, view.status);
}

}  // namespace

int break_lock(const Arguments& arguments) {
  if (!arguments.yes && !is_terminal(STDIN_FILENO)) {
    throw UsageError{
        "break: there is no terminal to ask at: give --yes to break the lock without a question"};
  }
  const LockNames locks = load_names(arguments, {arguments.name});
  lock::Inspector inspector = open_inspector(locks.settings, locks.keys.front());
  const StatusView view = std::move(inspect_locks(inspector, locks)->front());
  const std::uint64_t now_us = read_clocks().wall_us;
  const std::string summary = summarize(view.name, view.status, inspector.membership(), now_us);

  if (!arguments.json && !view.status.contenders.empty()) show(view, summary, inspector, arguments.color);
  const BreakResult result = decide(arguments, inspector, view, summary);
  if (arguments.json) {
    Json json = status_to_json(view, inspector, now_us);
    json.add("broken", result.status == exit_status::kYes);
    print(json.dump() + "\n");
  }
  result.status == exit_status::kNoQuorum ? log::error(result.message) : log::notice(result.message);
  return result.status;
}

}  // namespace redlock::cli

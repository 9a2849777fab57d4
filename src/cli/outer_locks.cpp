#include "cli/outer_locks.hpp"

#include "base/text.hpp"
#include "cli/describe_holder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>

namespace redlock::cli {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// FNV-1a. It tells locks apart; nothing is safe because of it.
std::string digest(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<OuterRun> parse_outer_run(std::string_view text) {
  constexpr std::size_t fields = 4;
  std::vector<std::string> parts = split(text, ':');
  if (parts.size() != fields || parts[1].empty()) return std::nullopt;
  const auto pid = parse_number<pid_t>(parts[0]);
  if (!pid || *pid <= 0) return std::nullopt;
  return OuterRun{.pid = *pid,
                  .token = {std::move(parts[1])},
                  .fence = std::move(parts[2]),
                  .locks = split(parts[3], ',')};
}

}  // namespace

std::vector<std::string> lock_ids(const LockNames& lock) {
  std::vector<std::string> nodes;
  for (const redis::NodeEndpoint& node : lock.settings.nodes) nodes.push_back(node.display());
  std::sort(nodes.begin(), nodes.end());
  std::vector<std::string> ids;
  const auto add = [&](const std::string& key) {
    ids.push_back(digest(fmt::format("{}\n{}", fmt::join(nodes, "\n"), key)));
  };
  for (std::size_t i = 0; i < lock.keys.size(); ++i) {
    const std::size_t slots = i < lock.slots.size() ? lock.slots[i] : 0;
    if (slots == 0) add(lock.keys[i]);
    for (std::size_t slot = 1; slot <= slots; ++slot) add(redis::slot_name(lock.keys[i], slot));
  }
  return ids;
}

std::string format_outer_run(const OuterRun& run) {
  return fmt::format("{}:{}:{}:{}", run.pid, run.token.value, run.fence, fmt::join(run.locks, ","));
}

std::vector<OuterRun> parse_outer_runs(std::string_view text) {
  std::vector<OuterRun> runs;
  for (const std::string& part : split(text, ' ')) {
    if (auto run = parse_outer_run(part)) runs.push_back(*std::move(run));
  }
  return runs;
}

OuterLocks::OuterLocks()
    : ancestors_{{}}, runs_{parse_outer_runs(variable(kHeldVariable))}, token_{variable("REDLOCK_TOKEN")} {
  if (!any()) return;
  ancestors_ = process::Ancestors::of_this_process();
  std::erase_if(runs_, [&](const OuterRun& run) { return !ancestors_.contain_guarded(run.pid); });
}

const OuterRun* OuterLocks::run_with(const quorum::Token& token) const {
  const auto found =
      std::find_if(runs_.begin(), runs_.end(), [&](const OuterRun& run) { return run.token == token; });
  return found == runs_.end() ? nullptr : &*found;
}

const OuterRun* OuterLocks::run_granted(const std::string& lock_id) const {
  const auto found = std::find_if(runs_.begin(), runs_.end(), [&](const OuterRun& run) {
    return std::find(run.locks.begin(), run.locks.end(), lock_id) != run.locks.end();
  });
  return found == runs_.end() ? nullptr : &*found;
}

std::string OuterLocks::with_run(const LockNames& lock, const quorum::Won& won) const {
  std::string text;
  for (const OuterRun& run : runs_) text += format_outer_run(run) + " ";
  return text + format_outer_run({.pid = getpid(),
                                  .token = won.token,
                                  .fence = std::to_string(won.fence),
                                  .locks = lock_ids(lock)});
}

// By what the holder has written down of itself.
bool OuterLocks::is_above(const quorum::Token& token, const quorum::HolderInfo& info) const {
  return token == token_ && info.host == this_host() && ancestors_.contain(static_cast<pid_t>(info.pid));
}

bool OuterLocks::include(const quorum::Token& token, const quorum::HolderInfo& info) const {
  if (info.resting) return false;
  return run_with(token) != nullptr || is_above(token, info);
}

bool OuterLocks::are_leashed(const quorum::Token& token, const quorum::HolderInfo& info) const {
  if (info.resting) return false;
  return run_with(token) != nullptr ||
         (is_above(token, info) && ancestors_.contain_guarded(static_cast<pid_t>(info.pid)));
}

}  // namespace redlock::cli

#include "cli/commands/inspect.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/surroundings.hpp"
#include "config/name.hpp"
#include "lock/report.hpp"
#include "redis/keys.hpp"
#include "redis/node_error.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace redlock::cli {
namespace {

// Keeps a load from repeating the warnings of an earlier one.
class WithoutWarnings {
 public:
  WithoutWarnings() : level_{log::level()} { log::set_level(log::Level::Nothing); }
  WithoutWarnings(const WithoutWarnings&) = delete;
  WithoutWarnings& operator=(const WithoutWarnings&) = delete;
  ~WithoutWarnings() { log::set_level(level_); }

 private:
  log::Level level_;
};

}  // namespace

LockNames load_lock(const config::Flags& flags, const std::vector<std::string>& names) {
  config::check_lock_names(names);
  LockNames locks = load_names(flags, names);
  if (names.size() == 1) return locks;
  const auto with_slots =
      std::find_if(locks.slots.begin(), locks.slots.end(), [](std::size_t slots) { return slots > 0; });
  if (with_slots != locks.slots.end()) {
    const std::string& name = names[static_cast<std::size_t>(with_slots - locks.slots.begin())];
    throw UsageError{fmt::format(
        "{} has slots ({}), and so cannot be one of several names, which are held together or not at all: "
        "each node would choose other slots. Hold one inside the other: redlock run NAME -- redlock run ...",
        quoted(name, 64), locks.slots_from)};
  }
  std::vector<std::string> sorted = names;  // the order of the names makes no difference
  std::sort(sorted.begin(), sorted.end());
  const WithoutWarnings without_warnings;
  config::Settings longest = config::load(flags, sorted.front());
  config::Settings rests = longest;  // of the name that rests for the longest
  for (const std::string& name : sorted) {
    config::Settings settings = config::load(flags, name);
    if (settings.at_least > rests.at_least) rests = settings;
    if (settings.ttl > longest.ttl) longest = std::move(settings);
  }
  longest.at_least = rests.at_least;
  longest.release_on_failure = rests.release_on_failure;
  longest.node_timeout = locks.settings.node_timeout;
  longest.common_node_timeout = std::max(longest.common_node_timeout, longest.node_timeout);
  longest.restart_quarantine = locks.settings.restart_quarantine;
  locks.settings = std::move(longest);
  return locks;
}

LockNames load_names(const config::Flags& flags, const std::vector<std::string>& names) {
  LockNames locks{.names = names, .keys = {}, .slots = {}, .settings = {}};
  std::optional<WithoutWarnings> without_warnings;
  for (const std::string& name : names) {
    config::Settings settings = config::load(flags, name);
    without_warnings.emplace();
    locks.keys.push_back(settings.key_prefix + name);
    locks.slots.push_back(settings.slots);
    if (settings.slots > 0 && locks.slots_from.empty()) locks.slots_from = settings.slots_from;
    if (locks.keys.size() == 1) {
      locks.settings = std::move(settings);
      continue;
    }
    locks.settings.node_timeout = std::max(locks.settings.node_timeout, settings.node_timeout);
    locks.settings.restart_quarantine =
        std::max(locks.settings.restart_quarantine, settings.restart_quarantine);
  }
  return locks;
}

lock::Inspector open_inspector(const config::Settings& settings, std::vector<std::string> keys) {
  return lock::Inspector{{.surroundings = surroundings(),
                          .nodes = settings.nodes,
                          .subject = {.keys = std::move(keys), .holder = {}},
                          .node_timeout = settings.node_timeout,
                          .restart_quarantine = settings.restart_quarantine}};
}

std::optional<std::vector<StatusView>> inspect_locks(lock::Inspector& inspector, const LockNames& locks,
                                                     std::span<const int> wake_fds) {
  std::vector<StatusView> views;
  std::vector<redis::LockKeys> keys;
  for (std::size_t i = 0; i < locks.names.size(); ++i) {
    const std::string& name = locks.names[i];
    if (locks.slots[i] == 0) {
      views.push_back({.name = name, .key = locks.keys[i]});
      keys.emplace_back(locks.keys[i]);
    }
    for (std::size_t slot = 1; slot <= locks.slots[i]; ++slot) {
      views.push_back(
          {.name = redis::slot_name(name, slot), .slot = slot, .slot_of = name, .key = locks.keys[i] + "#*"});
      keys.emplace_back(locks.keys[i], slot);
    }
  }
  auto observations = inspector.probe_locks(keys, wake_fds);
  if (!observations) return std::nullopt;
  refuse_duplicates(inspector);
  for (std::size_t i = 0; i < views.size(); ++i) {
    views[i].status = lock::lock_status((*observations)[i], inspector.membership());
    views[i].observations = std::move((*observations)[i]);
  }
  return views;
}

std::string taken_slots_of(lock::Inspector& inspector, const std::string& name, const std::string& key) {
  constexpr std::size_t most_named = 4;
  if (config::name_of_slot(name)) return {};  // which has none itself
  const auto taken = lock::find_taken_slots(inspector, key);
  std::string text;
  std::size_t named = 0;
  for (const quorum::Slot slot : taken) {
    if (named == most_named) return text + fmt::format(" and {} more", taken.size() - named);
    text += fmt::format("{}{}", named == 0 ? "" : ", ", quoted(redis::slot_name(name, slot), 64));
    ++named;
  }
  return text;
}

void refuse_duplicates(const lock::Inspector& inspector) {
  const auto same = inspector.membership().duplicate();
  if (!same) return;
  throw ConfigError{fmt::format("nodes {} and {} are one and the same server: name each server once",
                                inspector.endpoint(same->first).display(),
                                inspector.endpoint(same->second).display())};
}

bool report_search(const lock::Findings& findings, const lock::Inspector& inspector) {
  const quorum::Membership& membership = inspector.membership();
  const auto why_not = [&](quorum::NodeIndex node) {
    const auto& trouble = findings.troubles[node];
    return trouble ? redis::describe(*trouble, inspector.endpoint(node))
                   : lock::describe_eligibility(node, findings.asked, membership);
  };
  const quorum::NodeSet searched =
      membership.nodes_where([&](quorum::NodeIndex node) { return why_not(node).empty(); });
  const bool enough = membership.is_quorum(searched);
  if (!enough) {
    log::error(fmt::format("no quorum: {} of {} node{} could be searched, {} needed", searched.size(),
                           inspector.size(), inspector.size() == 1 ? "" : "s",
                           quorum::votes_needed(inspector.size())));
  }
  for (quorum::NodeIndex node = 0; node < inspector.size(); ++node) {
    const std::string why = why_not(node);
    if (why.empty()) continue;
    const std::string line = fmt::format("{}: {}", inspector.endpoint(node).display(), why);
    enough ? log::warning(line) : log::error("  " + line);
  }
  return enough;
}

std::size_t output_width() {
  return is_terminal(STDOUT_FILENO) ? terminal_columns(STDOUT_FILENO) : kAnyWidth;
}

}  // namespace redlock::cli

#include "cli/commands/inspect.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/surroundings.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace redlock::cli {

LockNames load_names(const config::Flags& flags, const std::vector<std::string>& names) {
  LockNames locks{.names = names, .keys = {}, .settings = {}};
  const log::Level level = log::level();
  for (const std::string& name : names) {
    config::Settings settings = config::load(flags, name);
    log::set_level(log::Level::Error);  // the first load has logged the warnings
    locks.keys.push_back(settings.key_prefix + name);
    if (locks.keys.size() == 1) {
      locks.settings = std::move(settings);
      continue;
    }
    locks.settings.node_timeout = std::max(locks.settings.node_timeout, settings.node_timeout);
    locks.settings.restart_quarantine =
        std::max(locks.settings.restart_quarantine, settings.restart_quarantine);
  }
  log::set_level(level);
  return locks;
}

lock::Inspector open_inspector(const config::Settings& settings, std::string key) {
  return lock::Inspector{{.surroundings = surroundings(),
                          .nodes = settings.nodes,
                          .subject = {.key = std::move(key), .holder = {}},
                          .node_timeout = settings.node_timeout,
                          .restart_quarantine = settings.restart_quarantine}};
}

std::optional<std::vector<StatusView>> inspect_locks(lock::Inspector& inspector, const LockNames& locks,
                                                     std::span<const int> wake_fds) {
  auto observations = inspector.probe(locks.keys, wake_fds);
  if (!observations) return std::nullopt;
  refuse_duplicates(inspector);
  std::vector<StatusView> views;
  for (std::size_t i = 0; i < locks.names.size(); ++i) {
    quorum::LockStatus status = quorum::lock_status((*observations)[i], inspector.membership());
    views.push_back(
        {.name = locks.names[i], .observations = std::move((*observations)[i]), .status = std::move(status)});
  }
  return views;
}

void refuse_duplicates(const lock::Inspector& inspector) {
  const auto same = inspector.membership().duplicate();
  if (!same) return;
  throw ConfigError{fmt::format("nodes {} and {} are one and the same server: name each server once",
                                inspector.endpoint(same->first).display(),
                                inspector.endpoint(same->second).display())};
}

std::size_t output_width() {
  return is_terminal(STDOUT_FILENO) ? terminal_columns(STDOUT_FILENO) : kAnyWidth;
}

}  // namespace redlock::cli

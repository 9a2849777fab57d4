#include "cli/looking.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

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
    log::set_level(log::Level::Error);  // it would warn of the same again
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

lock::Onlooker open_onlooker(const config::Settings& settings, std::string key) {
  return lock::Onlooker{{.nodes = settings.nodes,
                         .node_timeout = settings.node_timeout,
                         .restart_quarantine = settings.restart_quarantine,
                         .key = std::move(key)}};
}

std::optional<std::vector<LockSight>> look_at(lock::Onlooker& onlooker, const LockNames& locks,
                                              std::span<const int> wake_fds) {
  auto observations = onlooker.look(locks.keys, wake_fds);
  if (!observations) return std::nullopt;
  refuse_duplicates(onlooker);
  std::vector<LockSight> sights;
  for (std::size_t i = 0; i < locks.names.size(); ++i) {
    quorum::Survey survey = quorum::survey((*observations)[i], onlooker.electorate());
    sights.push_back(
        {.name = locks.names[i], .observations = std::move((*observations)[i]), .survey = std::move(survey)});
  }
  return sights;
}

void refuse_duplicates(const lock::Onlooker& onlooker) {
  const auto same = onlooker.electorate().duplicate();
  if (!same) return;
  throw ConfigError{fmt::format("nodes {} and {} are one and the same server: name each server once",
                                onlooker.endpoint(same->first).display(),
                                onlooker.endpoint(same->second).display())};
}

std::size_t output_width() {
  return is_terminal(STDOUT_FILENO) ? terminal_columns(STDOUT_FILENO) : kAnyWidth;
}

}  // namespace redlock::cli

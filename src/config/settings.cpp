#include "config/settings.hpp"

#include "base/duration.hpp"
#include "base/log.hpp"
#include "config/file.hpp"
#include "config/locate.hpp"
#include "config/name.hpp"
#include "config/nodes.hpp"
#include "config/source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::config {
namespace {

using namespace std::chrono_literals;

constexpr const char* kDefaultNode = "redis://127.0.0.1:6379/0";

// From this many nodes on, a restarted one may sit out a TTL without taking the quorum with it.
constexpr std::size_t kNodesThatAffordQuarantine = 3;

// Where the value of a setting came from; nullptr: it is the default.
const Place* chosen(const Merged& merged, KeyMember member) {
  return merged.chosen[static_cast<std::size_t>(&find_key(member) - kKeys.data())];
}

Duration standard(KeyMember member) {
  return find_key(member).standard;
}

// A command that is told to end needs time for it, and the lease must not be over before it was worth having:
// kill_after may take a third of it (DESIGN section 4).
Duration kill_after_within(const Merged& merged, std::chrono::milliseconds ttl) {
  const Duration most = Duration{ttl} / 3;
  if (!merged.layer.kill_after) return std::min(standard(&Layer::kill_after), most);
  const Duration wanted = *merged.layer.kill_after;
  if (wanted <= most) return wanted;
  // Who shortened the lease by a flag is told about the flag, not about a file that was right until then.
  const Place* place = chosen(merged, &Layer::kill_after);
  const Place* const ttl_place = chosen(merged, &Layer::ttl);
  if (ttl_place != nullptr && ttl_place->source == Place::Source::Flag) place = ttl_place;
  fail(*place,
       fmt::format("kill_after {} is more than a third of the ttl {}; use a kill_after of {} or less, or a "
                   "longer ttl",
                   format_duration(wanted), format_duration(ttl), format_duration(most)));
}

// An answer that comes when the lease is over is worth nothing, so no request waits for longer than that.
Duration node_timeout_within(const Merged& merged, std::chrono::milliseconds ttl) {
  if (!merged.layer.node_timeout) return std::min(standard(&Layer::node_timeout), Duration{ttl} / 3);
  return std::min(*merged.layer.node_timeout, Duration{ttl});
}

Duration quarantine(const Merged& merged, std::chrono::milliseconds ttl, std::size_t nodes) {
  if (!merged.layer.restart_quarantine) return nodes >= kNodesThatAffordQuarantine ? Duration{ttl} : 0ms;
  const Duration wanted = *merged.layer.restart_quarantine;
  if (wanted != 0ms && wanted < ttl) {
    log::warning(
        fmt::format("{}: {} is shorter than the ttl {}: a node that restarted may forget a lock and grant "
                    "it again; use {} or more",
                    chosen(merged, &Layer::restart_quarantine)->text, format_duration(wanted),
                    format_duration(ttl), format_duration(ttl)));
  }
  return wanted;
}

// A lock's key must not look like one of the keys that redlock keeps beside a lock, whichever part of it the prefix gives.
std::string key_prefix_for(const Merged& merged, const std::string& name) {
  std::string prefix = merged.layer.key_prefix.value_or("");
  if (const auto problem = key_problem(prefix, name)) fail(*chosen(merged, &Layer::key_prefix), *problem);
  return prefix;
}

std::vector<redis::NodeEndpoint> nodes_of(const Flags& flags, std::optional<File>& file) {
  const NodeSettings for_all = file ? std::move(file->for_all) : NodeSettings{};
  if (!flags.node_urls.empty()) return ready_nodes(nodes_from_flags(flags.node_urls), for_all);
  if (auto entries = nodes_from_environment()) return ready_nodes(std::move(*entries), for_all);
  if (file && !file->nodes.empty()) return ready_nodes(std::move(file->nodes), for_all);
  std::vector<NodeEntry> entries;
  entries.push_back(entry_from_url(kDefaultNode, {Place::Source::File, "the node that is used by default"}));
  return ready_nodes(std::move(entries), for_all);
}

// The variables that a file names, whether or not its nodes are those that are used.
void conceal(const NodeSettings& settings, std::vector<Concealed>& concealed) {
  for (const PasswordSource* const source : {&settings.password, &settings.key_password}) {
    const auto* const variable = std::get_if<PasswordVariable>(&source->from);
    if (variable != nullptr) concealed.push_back({.variable = variable->name, .shown = std::nullopt});
  }
}

std::vector<Concealed> passwords_in_environment(const std::optional<File>& file) {
  std::vector<Concealed> concealed;
  if (auto nodes = nodes_variable_concealed()) concealed.push_back(std::move(*nodes));
  if (!file) return concealed;
  conceal(file->for_all, concealed);
  for (const NodeEntry& node : file->nodes) conceal(node.settings, concealed);
  return concealed;
}

}  // namespace

Settings load(const Flags& flags, const std::string& name) {
  const Source from_flags = source_from_flags(flags.layer);
  const Source from_environment = source_from_environment();
  std::optional<File> file;
  if (const auto path = locate_file(flags.config_file)) file = load_file(*path, name);

  std::vector<const Source*> sources{&from_flags, &from_environment};
  if (file) sources.insert(sources.end(), {&file->lock, &file->defaults});
  const Merged merged = merge(sources);

  Settings settings;
  settings.ttl =
      std::chrono::duration_cast<std::chrono::milliseconds>(merged.layer.ttl.value_or(standard(&Layer::ttl)));
  settings.wait = merged.layer.wait;
  settings.retry_delay = merged.layer.retry_delay.value_or(standard(&Layer::retry_delay));
  settings.retry_count = merged.layer.retry_count;
  settings.kill_after = kill_after_within(merged, settings.ttl);
  settings.node_timeout = node_timeout_within(merged, settings.ttl);
  settings.common_node_timeout = merged.layer.node_timeout.value_or(standard(&Layer::node_timeout));
  settings.key_prefix = key_prefix_for(merged, name);
  settings.release_when = merged.layer.release_when.value_or(ReleaseWhen::Command);
  settings.concealed = passwords_in_environment(file);
  settings.nodes = nodes_of(flags, file);
  settings.restart_quarantine = quarantine(merged, settings.ttl, settings.nodes.size());
  return settings;
}

}  // namespace redlock::config

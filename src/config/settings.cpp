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

// With fewer nodes, the quarantine of a restarted one would take the quorum with it.
constexpr std::size_t kNodesThatAffordQuarantine = 3;

// The origin of a value; nullptr if it is the default.
const Place* chosen(const Merged& merged, KeyMember member) {
  return merged.chosen[static_cast<std::size_t>(&find_key(member) - kKeys.data())];
}

Duration standard(KeyMember member) {
  return find_key(member).standard;
}

// A command needs time to end, but most of the lease must be left for its work: kill_after may take a third (DESIGN
// section 4).
Duration kill_after_within(const Merged& merged, std::chrono::milliseconds ttl) {
  const Duration most = Duration{ttl} / 3;
  if (!merged.layer.kill_after) return std::min(standard(&Layer::kill_after), most);
  const Duration wanted = *merged.layer.kill_after;
  if (wanted <= most) return wanted;
  // If an option shortened the lease, the message names that option, not a file that was right until then.
  const Place* place = chosen(merged, &Layer::kill_after);
  const Place* const ttl_place = chosen(merged, &Layer::ttl);
  if (ttl_place != nullptr && ttl_place->origin == Place::Origin::Flag) place = ttl_place;
  fail(*place,
       fmt::format("kill_after {} is more than a third of the ttl {}; use a kill_after of {} or less, or a "
                   "longer ttl",
                   format_duration(wanted), format_duration(ttl), format_duration(most)));
}

// An answer after the end of the lease is useless, so no request waits longer than the lease.
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

// The prefix and the name together must not form a key that redlock reserves for its own data.
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
  entries.push_back(entry_from_url(kDefaultNode, {Place::Origin::File, "the node that is used by default"}));
  return ready_nodes(std::move(entries), for_all);
}

// Adds the variables that a file names, even if its nodes are not used.
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

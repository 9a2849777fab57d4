#include "config/settings.hpp"

#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "config/file.hpp"
#include "config/locate.hpp"
#include "config/name.hpp"
#include "config/nodes.hpp"
#include "config/source.hpp"
#include "quorum/validity.hpp"
#include "redis/keys.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
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
  const Duration most = quorum::greatest_kill_after(ttl);
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

// A slot is a lock like any other, and has no slots of its own: what $REDLOCK_SLOTS says is about others.
std::size_t slots_of(const Merged& merged, const std::string& name) {
  if (!merged.layer.slots) return 0;
  if (!name_of_slot(name)) {
    const std::string last = redis::slot_name(name, *merged.layer.slots);
    if (last.size() <= kMaxNameBytes) return *merged.layer.slots;
    fail(*chosen(merged, &Layer::slots),
         fmt::format("the name {} is too long for slots: with '#{}' it has {} bytes; use {} or fewer",
                     quoted(name, 32), *merged.layer.slots, last.size(), kMaxNameBytes));
  }
  const Place& place = *chosen(merged, &Layer::slots);
  if (place.origin == Place::Origin::Flag)
    fail(place, fmt::format("{} is a slot itself, and has none; name the lock without '#' and the number",
                            quoted(name, 64)));
  return 0;
}

// [defaults] and the environment speak of all locks; the table of a lock means this one.
void warn_of_failure_without_rest(const Merged& merged, const Layer& of_lock) {
  const bool means_it = of_lock.release_on_failure && merged.layer.release_on_failure.value_or(false);
  if (!means_it || merged.layer.at_least.value_or(0ms) > 0ms) return;
  log::warning(fmt::format("{}: does nothing without at_least, which says how long nobody else gets the lock",
                           chosen(merged, &Layer::release_on_failure)->text));
}

// The prefix and the name together must not form a key that redlock reserves for its own data.
std::string key_prefix_for(const Merged& merged, const std::string& name) {
  std::string prefix = merged.layer.key_prefix.value_or("");
  if (const auto problem = key_problem(prefix, name)) fail(*chosen(merged, &Layer::key_prefix), *problem);
  return prefix;
}

// A file in a home that this user may not read is another user's, most likely: HOME was kept when privileges were dropped.
// Only where something else names the nodes, be it the file for all users, can redlock do without it: it may name others
// than the built-in default.
bool belongs_to_another(const FileLocation& file) {
  return !file.variable.empty() && ::eaccess(file.path.c_str(), R_OK) != 0 && errno == EACCES;
}

std::optional<File> load_usual_file(const Flags& flags, const std::string& name) {
  const auto file = locate_file(flags.config_file);
  if (!file) return std::nullopt;
  if (!belongs_to_another(*file)) return load_file(file->path, name);
  const std::string problem =
      fmt::format("cannot read the configuration file {}: {}: {} seems to be another user's home",
                  quoted(file->path, 4096), errno_text(EACCES), file->variable);
  const FileLocation for_all_users = usual_files().back();
  std::optional<File> instead;
  if (file_exists(for_all_users.path)) instead = load_file(for_all_users.path, name);
  const std::string names_nodes = !flags.node_urls.empty()             ? "--node"
                                  : nodes_in_environment()             ? "REDLOCK_NODES"
                                  : instead && !instead->nodes.empty() ? quoted(for_all_users.path, 4096)
                                                                       : "";
  if (names_nodes.empty()) {
    throw ConfigError{
        fmt::format("{}. Set {} to that of this user, or name the nodes in {} or REDLOCK_NODES, or another "
                    "file in REDLOCK_CONFIG",
                    problem, file->variable, quoted(for_all_users.path, 4096))};
  }
  log::warning(fmt::format("{}: going on without it, since {} names the nodes", problem, names_nodes));
  return instead;
}

// A host that has lost its configuration must not lock against itself in silence, in cron least of all: there -q is usual.
void warn_of_default_node(const std::optional<File>& file) {
  std::vector<std::string> places{"--node", "REDLOCK_NODES"};
  if (file) {
    places.push_back(quoted(file->path, 4096));
  } else {
    for (const FileLocation& usual : usual_files()) places.push_back(quoted(usual.path, 4096));
  }
  const std::string last = std::move(places.back());
  places.pop_back();
  log::warning_in_any_case(
      fmt::format("no node is named in {} or {}: asking {} alone, which excludes no other host. Name "
                  "the nodes; this one, too, if it is right",
                  fmt::join(places, ", "), last, kDefaultNode));
}

// Jobs of cron need the file for all users; only root may write it.
std::string file_for_nodes(const std::optional<File>& file) {
  if (file) return file->path;
  const std::vector<FileLocation> usual = usual_files();
  return ::geteuid() == 0 ? usual.back().path : usual.front().path;
}

std::vector<redis::NodeEndpoint> nodes_of(const Flags& flags, std::optional<File>& file,
                                          std::string& missing_in) {
  const NodeSettings for_all = file ? std::move(file->for_all) : NodeSettings{};
  if (!flags.node_urls.empty()) return ready_nodes(nodes_from_flags(flags.node_urls), for_all);
  if (auto entries = nodes_from_environment()) return ready_nodes(std::move(*entries), for_all);
  if (file && !file->nodes.empty()) return ready_nodes(std::move(file->nodes), for_all);
  warn_of_default_node(file);
  missing_in = file_for_nodes(file);
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
  std::optional<File> file = load_usual_file(flags, name);

  std::vector<const Source*> sources{&from_flags, &from_environment};
  if (file) sources.insert(sources.end(), {&file->lock, &file->defaults});
  const Merged merged = merge(sources);
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    if (const auto doubt = unit_doubt(merged.layer, kKeys[i]))
      log::warning(fmt::format("{}: {}", merged.chosen[i]->text, *doubt));
  }

  if (file) warn_of_failure_without_rest(merged, file->lock.layer);

  Settings settings;
  settings.ttl =
      std::chrono::duration_cast<std::chrono::milliseconds>(merged.layer.ttl.value_or(standard(&Layer::ttl)));
  settings.wait = merged.layer.wait;
  settings.quorum_wait = merged.layer.quorum_wait;
  settings.retry_delay = merged.layer.retry_delay.value_or(standard(&Layer::retry_delay));
  settings.retry_count = merged.layer.retry_count;
  settings.kill_after = kill_after_within(merged, settings.ttl);
  settings.node_timeout = node_timeout_within(merged, settings.ttl);
  settings.common_node_timeout = merged.layer.node_timeout.value_or(standard(&Layer::node_timeout));
  settings.key_prefix = key_prefix_for(merged, name);
  settings.note = beginning_of(merged.layer.note.value_or(""), kMostNoteBytes);
  settings.release_when = merged.layer.release_when.value_or(ReleaseWhen::Command);
  settings.at_least = std::chrono::duration_cast<std::chrono::milliseconds>(
      merged.layer.at_least.value_or(standard(&Layer::at_least)));
  settings.release_on_failure = merged.layer.release_on_failure.value_or(false);
  settings.slots = slots_of(merged, name);
  if (const Place* const place = chosen(merged, &Layer::slots)) settings.slots_from = place->text;
  settings.reentrant = merged.layer.reentrant.value_or(false);
  settings.concealed = passwords_in_environment(file);
  settings.nodes = nodes_of(flags, file, settings.file_for_nodes);
  settings.restart_quarantine = quarantine(merged, settings.ttl, settings.nodes.size());
  return settings;
}

}  // namespace redlock::config

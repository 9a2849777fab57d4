#include "config/file.hpp"

#include "base/error.hpp"
#include "base/overload.hpp"
#include "base/text.hpp"
#include "config/entry_reader.hpp"
#include "config/name.hpp"
#include "config/read_file.hpp"
#include "config/suggest.hpp"
#include "config/tls.hpp"
#include "config/toml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

namespace redlock::config {
namespace {

constexpr std::array<std::string_view, 3> kTables{"defaults", "node", "lock"};
constexpr std::string_view kUrlKey = "url";

bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Names setting_names() {
  Names names;
  for (const Key& key : kKeys) names.push_back(key.name);
  return names;
}

// The keys of a node, after `names`.
Names with_node_names(Names names = {}) {
  for (const NodeKey& key : kNodeKeys) names.push_back(key.name);
  return names;
}

class Reader : private EntryReader {
 public:
  Reader(const std::string& path, const std::string& lock_name) : EntryReader{path}, lock_name_{lock_name} {}

  File read();

 private:
  bool read_setting(const TomlEntry& entry, Source& source) const;
  bool read_node_key(const TomlEntry& entry, NodeSettings& settings);
  void read_password(const TomlEntry& entry, PasswordSource& password);
  void read_defaults(const TomlNode::Entries& table, File& file);
  void read_locks(const TomlNode::Entries& table, File& file) const;
  void read_nodes(const TomlEntry& entry, File& file);
  NodeEntry read_node(const TomlNode& node, const TomlNode::Entries& table);

  const std::string& lock_name_;
  bool holds_password_ = false;
};

// Numbers are seconds. Strings are read as those of the environment.
std::optional<std::string> assign_node(Layer& layer, const Key& key, const TomlNode& node) {
  const bool is_duration = std::holds_alternative<std::optional<Duration> Layer::*>(key.member);
  const bool is_count = std::holds_alternative<std::optional<std::uint64_t> Layer::*>(key.member);
  if (const auto* const text = std::get_if<std::string>(&node.value); text != nullptr && !is_count)
    return assign(layer, key, *text);
  if (const auto* const whole = std::get_if<std::int64_t>(&node.value);
      whole != nullptr && (is_duration || is_count)) {
    if (*whole < 0) return fmt::format("{} is negative; use 0 or more", *whole);
    return assign(layer, key, std::to_string(*whole));
  }
  if (const auto* const number = std::get_if<double>(&node.value); number != nullptr && is_duration) {
    // Durations are written in fixed notation, and nanoseconds are enough for any setting.
    if (std::isfinite(*number) && *number >= 0) return assign(layer, key, fmt::format("{:.9f}", *number));
    return "it is not a number of seconds, 0 or more";
  }
  const bool is_switch = std::holds_alternative<std::optional<bool> Layer::*>(key.member);
  if (const auto* const on = std::get_if<bool>(&node.value); on != nullptr && is_switch)
    return assign(layer, key, *on ? "true" : "false");
  return fmt::format("it is {}; it must be {}", type_name(node), expected(key));
}

// Returns whether the key is a setting of a lock.
bool Reader::read_setting(const TomlEntry& entry, Source& source) const {
  const auto* const key =
      std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& each) { return each.name == entry.key; });
  if (key == kKeys.end()) return false;
  Place& placed = source.places[static_cast<std::size_t>(key - kKeys.begin())] = value_place(entry);
  if (const auto problem = assign_node(source.layer, *key, entry.node)) fail(placed, *problem);
  return true;
}

void Reader::read_password(const TomlEntry& entry, PasswordSource& password) {
  if (password.given()) {
    fail(key_place(entry),
         fmt::format("there is another password{} already ({}); keep one of them",
                     entry.key.starts_with("key_") ? " for the key" : "", password.place.text));
  }
  password.place = key_place(entry);
  if (entry.key.ends_with("_file")) {
    password.from = PasswordFile{as_path(entry)};
  } else if (entry.key.ends_with("_env")) {
    password.from = PasswordVariable{as_string(entry)};
  } else {
    password.from = Secret{as_string(entry)};
    holds_password_ = true;
  }
}

// Returns whether the key belongs to a node.
bool Reader::read_node_key(const TomlEntry& entry, NodeSettings& settings) {
  const auto* const key = std::find_if(std::begin(kNodeKeys), std::end(kNodeKeys),
                                       [&](const NodeKey& each) { return each.name == entry.key; });
  if (key == std::end(kNodeKeys)) return false;
  if (key->is_tls && settings.first_tls.text.empty()) settings.first_tls = key_place(entry);
  std::visit(
      Overload{
          [&](std::optional<PlacedText> NodeSettings::*text) {
            settings.*text = PlacedText{key->is_path ? as_path(entry) : as_string(entry), value_place(entry)};
          },
          [&](PasswordSource NodeSettings::*password) { read_password(entry, settings.*password); },
          [&](std::optional<bool> NodeSettings::*flag) {
            const auto* const value = std::get_if<bool>(&entry.node.value);
            if (value == nullptr) {
              fail(value_place(entry),
                   fmt::format("it is {}; it must be true or false", type_name(entry.node)));
            }
            settings.*flag = *value;
          }},
      key->member);
  return true;
}

void Reader::read_defaults(const TomlNode::Entries& table, File& file) {
  for (const TomlEntry& entry : table) {
    if (read_setting(entry, file.defaults) || read_node_key(entry, file.for_all)) continue;
    unknown_key(entry, "[defaults]", with_node_names(setting_names()));
  }
  check_ranges(file.defaults);
  check_tls(file.for_all);
}

// The settings of a lock are those of its slots, unless these have a table of their own.
void Reader::read_locks(const TomlNode::Entries& table, File& file) const {
  bool found = false;
  for (const TomlEntry& lock : table) {
    const auto& settings = as_table(lock, "[lock.\"NAME\"] and the settings of that lock below it");
    if (lock.key.empty() || lock.key.size() > kMaxNameBytes) {
      fail(place(lock.at),
           fmt::format("the name of a lock has 1 to {} bytes, not {}", kMaxNameBytes, lock.key.size()));
    }
    Source source;
    for (const TomlEntry& entry : settings) {
      if (read_setting(entry, source)) continue;
      if (contains(with_node_names(), entry.key)) {
        fail(
            place(entry.at),
            fmt::format("{} belongs to a node, not to a lock; move it to [[node]] or [defaults]", entry.key));
      }
      unknown_key(entry, fmt::format("[lock.\"{}\"]", printable(lock.key, 64)), setting_names());
    }
    check_ranges(source);
    const bool exact = lock.key == lock_name_;
    if (exact || (!found && lock.key == name_of_slot(lock_name_))) file.lock = std::move(source);
    found = found || exact;
  }
}

NodeEntry Reader::read_node(const TomlNode& node, const TomlNode::Entries& table) {
  NodeEntry out;
  NodeSettings settings;
  for (const TomlEntry& entry : table) {
    if (entry.key == kUrlKey) {
      out = entry_from_url(as_string(entry), value_place(entry));
    } else if (!read_node_key(entry, settings)) {
      unknown_key(entry, "[[node]]", with_node_names({kUrlKey}));
    }
  }
  if (out.place.text.empty()) {
    fail(place(node.at), "the node has no url; add one such as url = \"redis://10.0.0.1:6379\"");
  }
  if (!out.endpoint.password.empty()) {
    holds_password_ = true;
    if (settings.password.given()) {
      fail(settings.password.place, "the url of this node has a password already; keep one of the two");
    }
  }
  if (!out.endpoint.username.empty() && settings.username) {
    fail(out.place, "the url has a user, and username is there too; keep one of the two");
  }
  check_tls(settings);
  if (!settings.first_tls.text.empty() && out.endpoint.transport != redis::NodeEndpoint::Transport::Tls) {
    fail(settings.first_tls,
         fmt::format("it is for TLS, and {} is without; write rediss:// or leave the key out",
                     out.endpoint.display()));
  }
  out.settings = std::move(settings);
  return out;
}

void Reader::read_nodes(const TomlEntry& entry, File& file) {
  const auto* const nodes = std::get_if<TomlNode::Elements>(&entry.node.value);
  if (nodes == nullptr) {
    fail(key_place(entry), fmt::format("it is {}; write [[node]], in double brackets, once for each node",
                                       type_name(entry.node)));
  }
  if (nodes->empty()) fail(key_place(entry), "the list of nodes is empty; write [[node]] once for each node");
  for (const TomlNode& node : *nodes) {
    const auto* const table = std::get_if<TomlNode::Entries>(&node.value);
    if (table == nullptr) {
      fail(place(node.at, entry.key),
           fmt::format("it is {}, not a table; write [[node]] and url = \"redis://...\" below it",
                       type_name(node)));
    }
    file.nodes.push_back(read_node(node, *table));
  }
}

File Reader::read() {
  const ReadResult result = read_file(path());
  if (!result.content) {
    throw ConfigError{
        fmt::format("cannot read the configuration file {}: {}", quoted(path(), 4096), result.error)};
  }
  const auto parsed = parse_toml(result.content->text.reveal());
  if (const auto* const problem = std::get_if<TomlProblem>(&parsed)) {
    fail(place(problem->at), fmt::format("not valid TOML: {}", printable(problem->text)));
  }
  File file;
  file.path = path();
  for (const TomlEntry& entry : std::get<TomlNode::Entries>(std::get<TomlNode>(parsed).value)) {
    if (entry.key == "defaults") {
      read_defaults(as_table(entry, "[defaults] and the settings below it"), file);
    } else if (entry.key == "lock") {
      read_locks(as_table(entry, "[lock.\"NAME\"] and the settings of that lock below it"), file);
    } else if (entry.key == "node") {
      read_nodes(entry, file);
    } else if (contains(with_node_names(setting_names()), entry.key)) {
      fail(place(entry.at), fmt::format("{} stands in no table; put it below [defaults]", entry.key));
    } else {
      fail(place(entry.at),
           fmt::format("unknown table or key {}; {}", quoted(entry.key, 64), suggestion(entry.key, kTables)));
    }
  }
  if (holds_password_ && result.content->world_readable) warn_world_readable("configuration file", path());
  return file;
}

}  // namespace

File load_file(const std::string& path, const std::string& lock_name) {
  return Reader{path, lock_name}.read();
}

}  // namespace redlock::config

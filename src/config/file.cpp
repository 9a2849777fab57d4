#include "config/file.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "config/name.hpp"
#include "config/read_file.hpp"
#include "config/suggest.hpp"

#include <fmt/format.h>
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

namespace redlock::config {
namespace {

using Names = std::vector<std::string_view>;

constexpr std::array<std::string_view, 3> kTables{"defaults", "node", "lock"};
constexpr std::array<std::string_view, 4> kCredentialKeys{"username", "password", "password_file",
                                                          "password_env"};
constexpr std::array<std::string_view, 4> kTlsKeys{"ca_file", "cert_file", "key_file", "server_name"};
constexpr std::string_view kUrlKey = "url";

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Names setting_names() {
  Names names;
  for (const Key& key : kKeys) names.push_back(key.name);
  return names;
}

Names joined(Names first, std::span<const std::string_view> second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// "a string", as a person calls it.
std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "a whole number";
    case toml::node_type::floating_point: return "a number with a fraction";
    case toml::node_type::boolean: return "true or false";
    case toml::node_type::date: return "a date";
    case toml::node_type::time: return "a time of day";
    case toml::node_type::date_time: return "a date and time";
    case toml::node_type::none: break;
  }
  return "nothing";
}

class Reader {
 public:
  Reader(const std::string& path, const std::string& lock_name)
      : path_{path}, shown_{printable(path)}, lock_name_{lock_name} {}

  File read();

 private:
  Place place(const toml::source_region& region, std::string_view key = {}) const;
  [[noreturn]] void unknown_key(const toml::key& key, std::string_view table, const Names& known) const;
  const toml::table& as_table(const toml::key& key, const toml::node& node, std::string_view example) const;
  std::string as_string(const toml::key& key, const toml::node& node) const;

  toml::table parse(std::string_view text) const;
  bool read_setting(const toml::key& key, const toml::node& node, Source& source) const;
  bool read_credential(const toml::key& key, const toml::node& node, Credentials& credentials);
  void read_defaults(const toml::table& table, File& file);
  void read_locks(const toml::table& table, File& file) const;
  void read_nodes(const toml::key& key, const toml::node& node, File& file);
  NodeEntry read_node(const toml::table& table);
  PasswordSource password_from(const toml::key& key, std::string value);

  const std::string& path_;
  const std::string shown_;
  const std::string& lock_name_;
  bool holds_password_ = false;
};

Place Reader::place(const toml::source_region& region, std::string_view key) const {
  std::string text = fmt::format("{}:{}:{}", shown_, region.begin.line, region.begin.column);
  if (!key.empty()) text += fmt::format(": {}", printable(key));
  return {Place::Source::File, std::move(text)};
}

void Reader::unknown_key(const toml::key& key, std::string_view table, const Names& known) const {
  fail(place(key.source()),
       fmt::format("unknown key {} in {}; {}", quoted(key.str(), 64), table, suggestion(key.str(), known)));
}

const toml::table& Reader::as_table(const toml::key& key, const toml::node& node,
                                    std::string_view example) const {
  if (const toml::table* const table = node.as_table()) return *table;
  fail(place(key.source(), key.str()),
       fmt::format("it is {}, not a table; write {}", type_name(node), example));
}

std::string Reader::as_string(const toml::key& key, const toml::node& node) const {
  const auto* const value = node.as_string();
  if (value == nullptr) {
    fail(place(node.source(), key.str()),
         fmt::format("it is {}; it must be a string in quotes", type_name(node)));
  }
  if (value->get().empty())
    fail(place(node.source(), key.str()), "it is empty; give it a value or leave it out");
  if (value->get().find('\0') != std::string::npos) {
    fail(place(node.source(), key.str()), "it holds a NUL byte; leave that out");
  }
  return value->get();
}

// toml++ quotes what it saw, which may be a password that lacks its quotes: that half of its message is
// dropped.
toml::table Reader::parse(std::string_view text) const {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    std::string_view what = error.description();
    what = what.substr(0, what.find(", saw"));
    fail(place(error.source()), fmt::format("not valid TOML: {}", printable(what)));
  }
}

// Numbers are seconds. Strings go through the same reader as the environment.
std::optional<std::string> assign_node(Layer& layer, const Key& key, const toml::node& node) {
  const bool is_duration = std::holds_alternative<std::optional<Duration> Layer::*>(key.member);
  const bool is_count = std::holds_alternative<std::optional<std::uint64_t> Layer::*>(key.member);
  if (const auto* const text = node.as_string(); text != nullptr && !is_count) {
    return assign(layer, key, text->get());
  }
  if (const auto* const whole = node.as_integer(); whole != nullptr && (is_duration || is_count)) {
    if (whole->get() < 0) return fmt::format("{} is negative; use 0 or more", whole->get());
    return assign(layer, key, std::to_string(whole->get()));
  }
  if (const auto* const number = node.as_floating_point(); number != nullptr && is_duration) {
    // Nanoseconds are enough for any setting, and fixed notation is what durations are written in.
    if (std::isfinite(number->get()) && number->get() >= 0) {
      return assign(layer, key, fmt::format("{:.9f}", number->get()));
    }
    return "it is not a number of seconds, 0 or more";
  }
  return fmt::format("it is {}; it must be {}", type_name(node), expected(key));
}

// Says whether `key` is one of kKeys.
bool Reader::read_setting(const toml::key& key, const toml::node& node, Source& source) const {
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    if (kKeys[i].name != key.str()) continue;
    source.places[i] = place(node.source(), key.str());
    if (const auto problem = assign_node(source.layer, kKeys[i], node)) fail(source.places[i], *problem);
    return true;
  }
  return false;
}

PasswordSource Reader::password_from(const toml::key& key, std::string value) {
  PasswordSource source{.from = {}, .place = place(key.source(), key.str())};
  if (key.str() == "password") {
    holds_password_ = true;
    source.from = Secret{std::move(value)};
  } else if (key.str() == "password_env") {
    source.from = PasswordVariable{std::move(value)};
  } else {
    // A relative path means the same file wherever redlock is started.
    const std::size_t slash = path_.rfind('/');
    const bool relative = value.front() != '/' && slash != std::string::npos;
    source.from = PasswordFile{relative ? path_.substr(0, slash + 1) + value : std::move(value)};
  }
  return source;
}

// Says whether `key` is one of kCredentialKeys.
bool Reader::read_credential(const toml::key& key, const toml::node& node, Credentials& credentials) {
  if (!contains(kCredentialKeys, key.str())) return false;
  std::string value = as_string(key, node);
  if (key.str() == "username") {
    credentials.username = std::move(value);
    return true;
  }
  if (credentials.password.given()) {
    fail(place(key.source(), key.str()),
         fmt::format("there is another password already ({}); keep one of password, password_file and "
                     "password_env",
                     credentials.password.place.text));
  }
  credentials.password = password_from(key, std::move(value));
  return true;
}

void Reader::read_defaults(const toml::table& table, File& file) {
  for (const auto& [key, node] : table) {
    if (read_setting(key, node, file.defaults) || read_credential(key, node, file.for_all)) continue;
    unknown_key(key, "[defaults]", joined(setting_names(), kCredentialKeys));
  }
  check_ranges(file.defaults);
}

void Reader::read_locks(const toml::table& table, File& file) const {
  for (const auto& [name, node] : table) {
    const std::string header = fmt::format("[lock.\"{}\"]", printable(name.str(), 64));
    const toml::table& settings =
        as_table(name, node, "[lock.\"NAME\"] and the settings of that lock below it");
    if (name.str().empty() || name.str().size() > kMaxNameBytes) {
      fail(place(name.source()),
           fmt::format("the name of a lock has 1 to {} bytes, not {}", kMaxNameBytes, name.str().size()));
    }
    Source source;
    for (const auto& [key, value] : settings) {
      if (read_setting(key, value, source)) continue;
      if (contains(kCredentialKeys, key.str())) {
        fail(place(key.source()), fmt::format("{} belongs to a node, not to a lock; move it to [[node]] or "
                                              "[defaults]",
                                              key.str()));
      }
      unknown_key(key, header, setting_names());
    }
    check_ranges(source);
    if (name.str() == lock_name_) file.lock = std::move(source);
  }
}

NodeEntry Reader::read_node(const toml::table& table) {
  const toml::node* const url = table.get(kUrlKey);
  if (url == nullptr) {
    fail(place(table.source()), "the node has no url; add one such as url = \"redis://10.0.0.1:6379\"");
  }
  Credentials credentials;
  std::string tls_key;
  NodeEntry entry;
  for (const auto& [key, node] : table) {
    if (key.str() == kUrlKey) {
      entry = entry_from_url(as_string(key, node), place(node.source(), key.str()));
    } else if (contains(kTlsKeys, key.str())) {
      static_cast<void>(as_string(key, node));
      tls_key = key.str();
    } else if (!read_credential(key, node, credentials)) {
      unknown_key(key, "[[node]]", joined(joined({kUrlKey}, kCredentialKeys), kTlsKeys));
    }
  }
  if (!entry.endpoint.password.empty()) {
    holds_password_ = true;
    if (credentials.password.given()) {
      fail(credentials.password.place, "the url of this node has a password already; keep one of the two");
    }
  }
  if (!entry.endpoint.username.empty() && !credentials.username.empty()) {
    fail(entry.place, "the url has a user, and username is there too; keep one of the two");
  }
  entry.credentials = std::move(credentials);
  entry.tls_key = std::move(tls_key);
  return entry;
}

void Reader::read_nodes(const toml::key& key, const toml::node& node, File& file) {
  const toml::array* const nodes = node.as_array();
  if (nodes == nullptr) {
    fail(place(key.source(), key.str()),
         fmt::format("it is {}; write [[node]], in double brackets, once for each node", type_name(node)));
  }
  if (nodes->empty()) {
    fail(place(key.source(), key.str()), "the list of nodes is empty; write [[node]] once for each node");
  }
  for (const toml::node& element : *nodes) {
    const toml::table* const table = element.as_table();
    if (table == nullptr) {
      fail(place(element.source(), key.str()),
           fmt::format("it is {}, not a table; write [[node]] and url = \"redis://...\" below it",
                       type_name(element)));
    }
    file.nodes.push_back(read_node(*table));
  }
}

File Reader::read() {
  const ReadResult result = read_file(path_);
  if (!result.content) {
    throw ConfigError{fmt::format("cannot read the configuration file {}: {}", quoted(path_, 4096),
                                  errno_text(result.error))};
  }
  const toml::table root = parse(result.content->text.reveal());
  File file;
  for (const auto& [key, node] : root) {
    if (key.str() == "defaults") {
      read_defaults(as_table(key, node, "[defaults] and the settings below it"), file);
    } else if (key.str() == "lock") {
      read_locks(as_table(key, node, "[lock.\"NAME\"] and the settings of that lock below it"), file);
    } else if (key.str() == "node") {
      read_nodes(key, node, file);
    } else if (contains(setting_names(), key.str()) || contains(kCredentialKeys, key.str())) {
      fail(place(key.source()), fmt::format("{} stands in no table; put it below [defaults]", key.str()));
    } else {
      fail(place(key.source()),
           fmt::format("unknown table or key {}; {}", quoted(key.str(), 64), suggestion(key.str(), kTables)));
    }
  }
  if (holds_password_ && result.content->world_readable) warn_world_readable("configuration file", path_);
  return file;
}

// toml++ leaves pieces of the file, and so of passwords, on the part of the stack that it has used.
[[gnu::noinline]] void wipe_stack_below() {
  std::array<char, std::size_t{1} << 16U> below;
  explicit_bzero(below.data(), below.size());
}

}  // namespace

File load_file(const std::string& path, const std::string& lock_name) {
  File file = Reader{path, lock_name}.read();
  wipe_stack_below();
  return file;
}

}  // namespace redlock::config

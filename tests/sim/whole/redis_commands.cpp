// The commands of a RedisNode that redlock sends.
#include "whole/redis_node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <functional>

namespace redlock::sim {
namespace {

constexpr unsigned kDatabases = 16;

std::string lower(std::string_view text) {
  std::string small{text};
  std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return std::tolower(c); });
  return small;
}

std::uint64_t unsigned_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw CommandError{"ERR value is not an integer or out of range"};
  }
  return value;
}

std::string unknown(const Words& words) {
  std::string text = fmt::format("ERR unknown command '{}', with args beginning with: ", words[0]);
  for (std::size_t i = 1; i < words.size(); ++i) text += fmt::format("'{}' ", words[i]);
  return text;
}

bool allowed_while_subscribed(const std::string& name) {
  return name == "subscribe" || name == "unsubscribe";
}

}  // namespace

std::string RedisNode::name_of(const Words& words) {
  std::string name = lower(words[0]);
  if ((name == "client" || name == "config") && words.size() > 1) name += "|" + lower(words[1]);
  return name;
}

// Each command that redlock sends, and what does it.
const std::map<std::string, RedisNode::Command, std::less<>>& RedisNode::commands() {
  static const std::map<std::string, Command, std::less<>> table{
      {"auth", &RedisNode::authenticate},
      {"client|id", &RedisNode::client_id},
      {"client|tracking", &RedisNode::track},
      {"config|get", &RedisNode::config_get},
      {"eval", &RedisNode::eval},
      {"get", &RedisNode::get},
      {"info", &RedisNode::info},
      {"publish", &RedisNode::publish_command},
      {"role", &RedisNode::role},
      {"scan", &RedisNode::scan},
      {"select", &RedisNode::select},
      {"subscribe", &RedisNode::subscribe},
      {"time", &RedisNode::time},
      {"unsubscribe", &RedisNode::unsubscribe},
  };
  return table;
}

void RedisNode::dispatch(Client& client, const Words& words) {
  const std::string name = name_of(words);
  const auto command = commands().find(name);
  if (command == commands().end()) {
    ++client.unknown_commands;
    throw CommandError{unknown(words)};
  }
  if (!client.authenticated && name != "auth") throw CommandError{"NOAUTH Authentication required."};
  if (!client.channels.empty() && !allowed_while_subscribed(name)) {
    throw CommandError{fmt::format(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
        "this context",
        name)};
  }
  stores_[client.db].set_time(static_cast<std::int64_t>(now_us_ / 1000));
  (this->*command->second)(client, words);
}

// ---- Keys

void RedisNode::get(Client& client, const Words& words) {
  const auto value = stores_[client.db].get(words.at(1));
  value ? append_bulk(client.out, *value) : append_nil(client.out);
}

// ---- Who the client is

void RedisNode::authenticate(Client& client, const Words& words) {
  if (words.size() == 2 && facts_.password.empty()) {
    throw CommandError{
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?"};
  }
  const bool user = words.size() == 2 || words.at(1) == "default";
  if (!user || (words.back() != facts_.password && !facts_.password.empty())) {
    throw CommandError{"WRONGPASS invalid username-password pair or user is disabled."};
  }
  client.authenticated = true;
  append_status(client.out, "OK");
}

void RedisNode::select(Client& client, const Words& words) {
  const std::uint64_t db = unsigned_of(words.at(1));
  if (db >= kDatabases) throw CommandError{"ERR DB index is out of range"};
  client.db = static_cast<unsigned>(db);
  append_status(client.out, "OK");
}

void RedisNode::client_id(Client& client, const Words& /*words*/) {
  append_integer(client.out, static_cast<long long>(client.id));
}

// CLIENT TRACKING ON REDIRECT id BCAST PREFIX prefix, or CLIENT TRACKING OFF.
void RedisNode::track(Client& client, const Words& words) {
  if (lower(words.at(2)) == "off") {
    client.tracking.reset();
    return append_status(client.out, "OK");
  }
  Client::Tracking tracking{.redirect = unsigned_of(words.at(4)), .prefixes = {}};
  for (std::size_t i = 7; i < words.size(); i += 2) tracking.prefixes.insert(words[i]);
  if (!clients_.contains(tracking.redirect)) {
    throw CommandError{"ERR The client ID you want redirect to does not exist"};
  }
  std::vector<std::string> present;
  if (client.tracking) present.assign(client.tracking->prefixes.begin(), client.tracking->prefixes.end());
  for (const std::string& prefix : tracking.prefixes) {
    for (const std::string& other : present) {
      if (!other.starts_with(prefix) && !prefix.starts_with(other)) continue;
      throw CommandError{fmt::format(
          "ERR Prefix '{}' overlaps with an existing prefix '{}'. Prefixes for a single client must "
          "not overlap.",
          prefix, other)};
    }
    present.push_back(prefix);
  }
  client.tracking = std::move(tracking);
  append_status(client.out, "OK");
}

// ---- Channels

void RedisNode::subscribe(Client& client, const Words& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    client.channels.insert(words[i]);
    append_array(client.out, 3);
    append_bulk(client.out, "subscribe");
    append_bulk(client.out, words[i]);
    append_integer(client.out, static_cast<long long>(client.channels.size()));
  }
}

void RedisNode::unsubscribe(Client& client, const Words& words) {
  const Words channels = words.size() > 1 ? Words{words.begin() + 1, words.end()}
                                          : Words{client.channels.begin(), client.channels.end()};
  const auto say = [&](const std::string* channel) {
    append_array(client.out, 3);
    append_bulk(client.out, "unsubscribe");
    channel != nullptr ? append_bulk(client.out, *channel) : append_nil(client.out);
    append_integer(client.out, static_cast<long long>(client.channels.size()));
  };
  for (const std::string& channel : channels) {
    client.channels.erase(channel);
    say(&channel);
  }
  if (channels.empty()) say(nullptr);
}

void RedisNode::publish_command(Client& client, const Words& words) {
  append_integer(client.out, static_cast<long long>(publish(words.at(1), words.at(2))));
}

// ---- Scripts

void RedisNode::eval(Client& client, const Words& words) {
  const KnownScript script = known_script(words.at(1));
  if (script.meaning == nullptr) {
    ++client.unknown_commands;
    throw CommandError{"ERR the simulated node does not know this script"};
  }
  const unsigned db = script.db.value_or(client.db);
  if (db >= kDatabases) throw CommandError{"ERR DB index is out of range"};
  const std::uint64_t keys = unsigned_of(words.at(2));
  if (keys + 3 > words.size()) throw CommandError{"ERR Number of keys can't be greater than number of args"};
  Store& store = stores_[db];
  store.set_time(static_cast<std::int64_t>(now_us_ / 1000));
  if (observer_ != nullptr) observer_->before(db);
  const std::span<const std::string> rest{words.begin() + 3, words.end()};
  const std::function<void(const std::string&, const std::string&)> tell =
      [&](const std::string& channel, const std::string& message) { publish(channel, message); };
  const std::size_t before = client.out.size();
  try {
    const auto done = script.meaning({.keys = rest.first(keys),
                                      .argv = rest.subspan(keys),
                                      .store = store,
                                      .publish = tell,
                                      .out = client.out});
    if (done && observer_ != nullptr) observer_->executed(client, *done);
  } catch (const CommandError&) {
    client.out.resize(before);
    throw;
  }
}

// ---- What it knows

void RedisNode::scan(Client& client, const Words& words) {
  std::string glob = "*";
  for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
    if (lower(words[i]) == "match") glob = words[i + 1];
  }
  std::vector<std::string> found = stores_[client.db].hashes();  // TYPE hash, always
  std::erase_if(found, [&](const std::string& key) { return !matches_glob(glob, key); });
  append_array(client.out, 2);
  append_bulk(client.out, "0");
  append_array(client.out, found.size());
  for (const std::string& key : found) append_bulk(client.out, key);
}

void RedisNode::role(Client& client, const Words& /*words*/) {
  std::string& out = client.out;
  if (!facts_.replica) {
    append_array(out, 3);
    append_bulk(out, "master");
    append_integer(out, 0);
    return append_array(out, 0);
  }
  append_array(out, 5);
  append_bulk(out, "slave");
  append_bulk(out, "127.0.0.1");
  append_integer(out, 1);
  append_bulk(out, "connect");
  append_integer(out, -1);
}

void RedisNode::time(Client& client, const Words& /*words*/) {
  append_array(client.out, 2);
  append_bulk(client.out, std::to_string(now_us_ / 1'000'000));
  append_bulk(client.out, std::to_string(now_us_ % 1'000'000));
}

void RedisNode::config_get(Client& client, const Words& words) {
  constexpr std::array known{std::pair<std::string_view, std::string_view>{"appendfsync", "everysec"},
                             std::pair<std::string_view, std::string_view>{"save", ""}};
  const auto* found = std::find_if(known.begin(), known.end(),
                                   [&](const auto& each) { return each.first == lower(words.at(2)); });
  if (found == known.end()) return append_array(client.out, 0);
  append_array(client.out, 2);
  append_bulk(client.out, found->first);
  append_bulk(client.out, found->second);
}

void RedisNode::info(Client& client, const Words& words) {
  const bool only_server = words.size() == 2 && lower(words[1]) == "server";
  std::string text = fmt::format(
      "# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\nredis_git_dirty:0\r\n"
      "redis_build_id:0\r\nredis_mode:standalone\r\nos:simulated\r\narch_bits:64\r\n"
      "monotonic_clock:simulated\r\nmultiplexing_api:simulated\r\natomicvar_api:simulated\r\n"
      "gcc_version:0.0.0\r\nprocess_id:1\r\nprocess_supervised:no\r\nrun_id:{}\r\ntcp_port:6379\r\n"
      "server_time_usec:{}\r\nuptime_in_seconds:{}\r\nuptime_in_days:{}\r\nhz:10\r\nconfigured_hz:10\r\n"
      "lru_clock:0\r\nexecutable:/usr/bin/redis-server\r\nconfig_file:\r\nio_threads_active:0\r\n",
      facts_.run_id, now_us_, uptime(), uptime() / 86'400);
  if (!only_server) {
    text += fmt::format(
        "\r\n# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"
        "\r\n# Persistence\r\nrdb_last_bgsave_status:ok\r\naof_enabled:0\r\naof_last_write_status:ok\r\n"
        "\r\n# Replication\r\nrole:{}\r\n",
        facts_.replica ? "slave" : "master");
  }
  append_bulk(client.out, text);
}

}  // namespace redlock::sim

#include "whole/redis_node.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::sim {
namespace {

constexpr std::string_view kInvalidations = "__redis__:invalidate";

void append_message(std::string& out, std::string_view channel) {
  append_array(out, 3);
  append_bulk(out, "message");
  append_bulk(out, channel);
}

}  // namespace

RedisNode::RedisNode(NodeFacts facts, Observer* observer) : facts_{std::move(facts)}, observer_{observer} {
}

void RedisNode::set_time(std::uint64_t now_us) {
  now_us_ = now_us;
  if (started_us_ == 0) started_us_ = now_us;
  for (auto& [db, store] : stores_) store.set_time(static_cast<std::int64_t>(now_us / 1000));
}

RedisNode::Client& RedisNode::connect() {
  const std::uint64_t id = ++last_id_;
  auto client = std::make_unique<Client>();
  client->id = id;
  client->authenticated = facts_.password.empty();
  return *(clients_[id] = std::move(client));
}

void RedisNode::disconnect(Client& client) {
  clients_.erase(client.id);
}

void RedisNode::receive(Client& client, std::string_view bytes) {
  client.reader.feed(bytes);
  while (const auto cut = client.reader.next()) {
    const std::size_t before = client.out.size();
    execute(client, cut->words);
    client.written += client.out.size() - before;
    const bool error = client.out.size() > before && client.out[before] == '-';
    if (observer_ != nullptr) observer_->answered(client, *cut, error);
  }
  tell_of_changes();
}

void RedisNode::execute(Client& client, const Words& words) {
  if (words.empty()) return;
  if (observer_ != nullptr) {
    if (const auto error = observer_->refuses(client, words)) return append_error(client.out, *error);
  }
  try {
    dispatch(client, words);
  } catch (const CommandError& error) {
    append_error(client.out, error.text);
  }
}

std::optional<std::int64_t> RedisNode::expire() {
  std::optional<std::int64_t> next;
  for (auto& [db, store] : stores_) {
    if (const auto at = store.expire()) next = std::min(next.value_or(*at), *at);
  }
  tell_of_changes();
  return next;
}

void RedisNode::remove(unsigned db, std::string_view key) {
  stores_[db].del(key);
  tell_of_changes();
}

void RedisNode::set(unsigned db, std::string_view key, std::string_view value, std::int64_t px) {
  Store& store = stores_[db];
  store.set_time(static_cast<std::int64_t>(now_us_ / 1000));
  store.set(key, value, px);
  tell_of_changes();
}

void RedisNode::end(bool forgets) {
  clients_.clear();
  if (forgets) stores_.clear();
}

void RedisNode::begin(NodeFacts facts) {
  facts_ = std::move(facts);
  started_us_ = now_us_;
}

// The difference of two clock readings that are each cut to whole seconds.
std::int64_t RedisNode::uptime() const {
  return static_cast<std::int64_t>(now_us_ / 1'000'000) - static_cast<std::int64_t>(started_us_ / 1'000'000);
}

// ---- Messages

std::size_t RedisNode::publish(const std::string& channel, const std::string& message) {
  std::size_t receivers = 0;
  for (const auto& [id, client] : clients_) {
    if (!client->channels.contains(channel)) continue;
    ++receivers;
    const std::size_t before = client->out.size();
    append_message(client->out, channel);
    append_bulk(client->out, message);
    client->written += client->out.size() - before;
  }
  return receivers;
}

// Once for all commands that were read in one go (beforeSleep in server.c), the keys in their order. In RESP2 the messages
// go to whoever the tracking names, if that client is subscribed to anything at all (sendTrackingMessage in tracking.c).
void RedisNode::tell_of_changes() {
  for (auto& [db, store] : stores_) {
    const std::set<std::string> changes = store.take_changes();
    if (changes.empty()) continue;
    for (const auto& [id, client] : clients_) {
      if (!client->tracking) continue;
      const auto told = clients_.find(client->tracking->redirect);
      if (told == clients_.end() || told->second->channels.empty()) continue;
      for (const std::string& prefix : client->tracking->prefixes) {
        std::vector<std::string_view> keys;
        for (const std::string& key : changes) {
          if (key.starts_with(prefix)) keys.push_back(key);
        }
        if (keys.empty()) continue;
        Client& other = *told->second;
        const std::size_t before = other.out.size();
        append_message(other.out, kInvalidations);
        append_array(other.out, keys.size());
        for (const std::string_view key : keys) append_bulk(other.out, key);
        other.written += other.out.size() - before;
      }
    }
  }
}

// ---- Globs

namespace {

// Whether `c` is in the class that begins behind '['; moves `glob` behind its end.
bool in_class(std::string_view& glob, char c) {
  const bool negated = glob.starts_with('^');
  if (negated) glob.remove_prefix(1);
  bool found = false;
  while (!glob.empty() && glob.front() != ']') {
    if (glob.front() == '\\' && glob.size() >= 2) glob.remove_prefix(1);
    if (glob.size() >= 3 && glob[1] == '-') {
      const auto [low, high] = std::minmax(glob[0], glob[2]);
      found = found || (c >= low && c <= high);
      glob.remove_prefix(3);
    } else {
      found = found || glob.front() == c;
      glob.remove_prefix(1);
    }
  }
  if (!glob.empty()) glob.remove_prefix(1);
  return found != negated;
}

}  // namespace

bool matches_glob(std::string_view glob, std::string_view text) {
  while (!glob.empty() && !text.empty()) {
    const char first = glob.front();
    if (first == '*') {
      while (glob.starts_with("*")) glob.remove_prefix(1);
      for (std::size_t skip = 0; skip <= text.size(); ++skip) {
        if (matches_glob(glob, text.substr(skip))) return true;
      }
      return false;
    }
    glob.remove_prefix(1);
    if (first == '[') {
      if (!in_class(glob, text.front())) return false;
    } else if (first != '?') {
      const bool escaped = first == '\\' && !glob.empty();
      if ((escaped ? glob.front() : first) != text.front()) return false;
      if (escaped) glob.remove_prefix(1);
    }
    text.remove_prefix(1);
  }
  while (glob.starts_with("*")) glob.remove_prefix(1);
  return glob.empty() && text.empty();
}

}  // namespace redlock::sim

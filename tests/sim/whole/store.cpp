#include "whole/store.hpp"

#include <algorithm>

namespace redlock::sim {

void Store::remove(std::string_view key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  entries_.erase(found);
  changed(key);
}

// Redis: expired when now > when (keyIsExpired in db.c), and deleted by whoever looks at it then.
Store::Entry* Store::find(std::string_view key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  if (found->second.last_ms && now_ms_ > *found->second.last_ms) {
    remove(key);
    return nullptr;
  }
  return &found->second;
}

template <class Type>
Type* Store::find_as(std::string_view key) {
  Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  auto* value = std::get_if<Type>(&entry->value);
  if (value == nullptr) {
    throw CommandError{"WRONGTYPE Operation against a key holding the wrong kind of value"};
  }
  return value;
}

template <class Type>
Type& Store::make(std::string_view key) {
  if (Type* present = find_as<Type>(key)) return *present;
  Entry& entry = entries_[std::string{key}];
  entry.value.template emplace<Type>();
  return std::get<Type>(entry.value);
}

// ---- Strings and keys

std::optional<std::string> Store::get(std::string_view key) {
  const auto* text = find_as<std::string>(key);
  return text != nullptr ? std::optional{*text} : std::nullopt;
}

void Store::set(std::string_view key, std::string_view value, std::int64_t px) {
  entries_[std::string{key}] =
      Entry{.value = std::string{value}, .last_ms = px > 0 ? std::optional{now_ms_ + px} : std::nullopt};
  changed(key);
}

bool Store::del(std::string_view key) {
  if (find(key) == nullptr) return false;
  remove(key);
  return true;
}

std::int64_t Store::pttl(std::string_view key) {
  const Entry* entry = find(key);
  if (entry == nullptr) return -2;
  return entry->last_ms ? *entry->last_ms - now_ms_ : -1;
}

void Store::pexpire(std::string_view key, std::int64_t ms) {
  Entry* entry = find(key);
  if (entry == nullptr) return;
  entry->last_ms = now_ms_ + ms;
  changed(key);
}

// ---- Hashes

void Store::hset(std::string_view key,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  Hash& hash = make<Hash>(key);
  for (const auto& [field, value] : fields) hash[std::string{field}] = value;
  changed(key);
}

std::vector<std::optional<std::string>> Store::hmget(std::string_view key,
                                                     std::initializer_list<std::string_view> fields) {
  const Hash* hash = find_as<Hash>(key);
  std::vector<std::optional<std::string>> values;
  values.reserve(fields.size());
  for (const std::string_view field : fields) {
    const bool there = hash != nullptr && hash->contains(field);
    values.push_back(there ? std::optional{hash->find(field)->second} : std::nullopt);
  }
  return values;
}

// ---- Sorted sets

void Store::zadd(std::string_view key, double score, std::string_view member) {
  make<SortedSet>(key).insert_or_assign(std::string{member}, score);
  changed(key);
}

bool Store::zrem(std::string_view key, std::string_view member) {
  auto* set = find_as<SortedSet>(key);
  if (set == nullptr) return false;
  const auto found = set->find(member);
  if (found == set->end()) return false;
  set->erase(found);
  changed(key);
  if (set->empty()) remove(key);
  return true;
}

void Store::zrem_up_to(std::string_view key, double score) {
  auto* set = find_as<SortedSet>(key);
  if (set == nullptr) return;
  if (std::erase_if(*set, [&](const auto& member) { return member.second <= score; }) == 0) return;
  changed(key);
  if (set->empty()) remove(key);
}

std::vector<std::string> Store::zrange(std::string_view key) {
  const auto* set = find_as<SortedSet>(key);
  if (set == nullptr) return {};
  std::vector<std::pair<double, std::string>> sorted;
  sorted.reserve(set->size());
  for (const auto& [member, score] : *set) sorted.emplace_back(score, member);
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> members;
  members.reserve(sorted.size());
  for (auto& [score, member] : sorted) members.push_back(std::move(member));
  return members;
}

std::size_t Store::zcard(std::string_view key) {
  const auto* set = find_as<SortedSet>(key);
  return set != nullptr ? set->size() : 0;
}

// ---- All keys

std::vector<std::string> Store::hashes() {
  expire();
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries_) {
    if (std::holds_alternative<Hash>(entry.value)) keys.push_back(key);
  }
  return keys;
}

std::vector<std::string> Store::keys() {
  expire();
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries_) keys.push_back(key);
  return keys;
}

std::optional<std::int64_t> Store::expire() {
  std::optional<std::int64_t> next;
  std::vector<std::string> gone;
  for (const auto& [key, entry] : entries_) {
    if (!entry.last_ms) continue;
    if (now_ms_ > *entry.last_ms) {
      gone.push_back(key);
    } else {
      next = std::min(next.value_or(*entry.last_ms), *entry.last_ms);
    }
  }
  for (const std::string& key : gone) remove(key);
  return next;
}

void Store::clear() {
  entries_.clear();
  changes_.clear();
}

// ---- Observers

const std::string* Store::peek(std::string_view key) const {
  const auto found = entries_.find(key);
  return found != entries_.end() ? std::get_if<std::string>(&found->second.value) : nullptr;
}

const std::string* Store::peek_field(std::string_view key, std::string_view field) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  const auto* hash = std::get_if<Hash>(&found->second.value);
  if (hash == nullptr) return nullptr;
  const auto value = hash->find(field);
  return value != hash->end() ? &value->second : nullptr;
}

std::size_t Store::fields(std::string_view key) const {
  const auto found = entries_.find(key);
  const auto* hash = found != entries_.end() ? std::get_if<Hash>(&found->second.value) : nullptr;
  return hash != nullptr ? hash->size() : 0;
}

std::optional<double> Store::score(std::string_view key, std::string_view member) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  const auto* set = std::get_if<SortedSet>(&found->second.value);
  if (set == nullptr) return std::nullopt;
  const auto scored = set->find(member);
  return scored != set->end() ? std::optional{scored->second} : std::nullopt;
}

std::optional<std::int64_t> Store::last_ms(std::string_view key) const {
  const auto found = entries_.find(key);
  return found != entries_.end() ? found->second.last_ms : std::nullopt;
}

}  // namespace redlock::sim

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace redlock::sim {

// Why a command did nothing, as Redis says it.
struct CommandError {
  std::string text;
};

// One database of a Redis server: keys with their types and expiry, and the commands of Redis that redlock's scripts call.
// A method is called as the command is and throws CommandError where that would answer with an error. Times are
// milliseconds of the server's clock.
class Store {
 public:
  // The server's time, for all commands until the next call: a script sees no other while it runs.
  void set_time(std::int64_t now_ms) { now_ms_ = now_ms; }
  std::int64_t now_ms() const { return now_ms_; }

  std::optional<std::string> get(std::string_view key);
  // `px` 0: for ever.
  void set(std::string_view key, std::string_view value, std::int64_t px);
  bool del(std::string_view key);
  std::int64_t pttl(std::string_view key);
  void pexpire(std::string_view key, std::int64_t ms);

  void hset(std::string_view key,
            std::initializer_list<std::pair<std::string_view, std::string_view>> fields);
  std::vector<std::optional<std::string>> hmget(std::string_view key,
                                                std::initializer_list<std::string_view> fields);

  void zadd(std::string_view key, double score, std::string_view member);
  bool zrem(std::string_view key, std::string_view member);
  void zrem_up_to(std::string_view key, double score);    // ZREMRANGEBYSCORE key -inf SCORE
  std::vector<std::string> zrange(std::string_view key);  // all, by score
  std::size_t zcard(std::string_view key);

  // All keys of hashes, for SCAN.
  std::vector<std::string> hashes();

  // Deletes keys that have reached their end; returns when the next one does.
  std::optional<std::int64_t> expire();

  // The keys that have changed since the last call: what CLIENT TRACKING tells of.
  std::set<std::string> take_changes() { return std::exchange(changes_, {}); }

  // All keys, for a comparison.
  std::vector<std::string> keys();

  std::optional<double> score(std::string_view key, std::string_view member) const;

  // For observers: what is written down, expired or not, without the side effects of a command.
  const std::string* peek(std::string_view key) const;
  const std::string* peek_field(std::string_view key, std::string_view field) const;
  std::size_t fields(std::string_view key) const;                   // of a hash
  std::optional<std::int64_t> last_ms(std::string_view key) const;  // of its life

  void clear();

 private:
  using Hash = std::map<std::string, std::string, std::less<>>;
  using SortedSet = std::map<std::string, double, std::less<>>;
  struct Entry {
    std::variant<std::string, Hash, SortedSet> value;
    std::optional<std::int64_t> last_ms{};
  };

  Entry* find(std::string_view key);
  template <class Type>
  Type* find_as(std::string_view key);
  template <class Type>
  Type& make(std::string_view key);
  void changed(std::string_view key) { changes_.emplace(key); }
  void remove(std::string_view key);

  std::int64_t now_ms_ = 0;
  std::map<std::string, Entry, std::less<>> entries_;
  std::set<std::string> changes_;
};

}  // namespace redlock::sim

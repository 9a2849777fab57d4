#pragma once

#include "whole/resp.hpp"
#include "whole/scripts.hpp"
#include "whole/store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::sim {

// What the process of a node says about itself.
struct NodeFacts {
  std::string run_id;
  std::string password{};  // empty: none is needed
  bool replica = false;
};

// The process of one Redis server (7.0) without its sockets: bytes of clients in, bytes to clients out. Knows each command
// and each script that redlock sends, and answers anything else with an error that its owner may take for a defect.
class RedisNode {
 public:
  // One client's connection.
  struct Client {
    std::uint64_t id = 0;
    bool authenticated = false;
    unsigned db = 0;
    CommandReader reader{};
    std::string out{};          // to be sent to it
    std::uint64_t written = 0;  // bytes that have been in `out`, all in all
    std::set<std::string> channels{};
    struct Tracking {
      std::uint64_t redirect;
      std::set<std::string> prefixes;
    };
    std::optional<Tracking> tracking{};
    unsigned unknown_commands = 0;  // that it has sent
  };

  // What somebody sees of each command.
  class Observer {
   public:
    virtual ~Observer() = default;
    // An error to answer instead of doing it; nothing: do it.
    virtual std::optional<std::string> refuses(const Client& client, const Words& words) = 0;
    virtual void before(unsigned db) = 0;
    virtual void executed(const Client& client, const Executed& what) = 0;
    // The reply to a command that came as these bytes ends at client.written.
    virtual void answered(const Client& client, const CommandReader::Cut& cut, bool with_error) = 0;
  };

  RedisNode(NodeFacts facts, Observer* observer);

  // By the server's wall clock, microseconds since 1970.
  void set_time(std::uint64_t now_us);

  Client& connect();
  void disconnect(Client& client);

  // Takes what a client has written, and answers all that is whole. What it has to say to it and to others is then in
  // their `out`. Throws ProtocolError.
  void receive(Client& client, std::string_view bytes);

  // Deletes the keys that have reached their end, and tells of it; returns when the next one does.
  std::optional<std::int64_t> expire();
  // Somebody else deletes a key.
  void remove(unsigned db, std::string_view key);

  // The same as `SET key value PX ms`.
  void set(unsigned db, std::string_view key, std::string_view value, std::int64_t px);

  Store& store(unsigned db) { return stores_[db]; }
  std::int64_t uptime() const;  // seconds, as INFO counts them
  NodeFacts& facts() { return facts_; }
  const std::map<std::uint64_t, std::unique_ptr<Client>>& clients() const { return clients_; }

  using Command = void (RedisNode::*)(Client&, const Words&);
  static const std::map<std::string, Command, std::less<>>& commands();
  // "get", or of a command with subcommands "client|id".
  static std::string name_of(const Words& words);

  // The process ends: with its keys, or without.
  void end(bool forgets);
  // And begins anew.
  void begin(NodeFacts facts);

 private:
  void execute(Client& client, const Words& words);
  void dispatch(Client& client, const Words& words);

  // The commands. Each appends its reply, or throws CommandError.
  void authenticate(Client& client, const Words& words);
  void client_id(Client& client, const Words& words);
  void config_get(Client& client, const Words& words);
  void eval(Client& client, const Words& words);
  void get(Client& client, const Words& words);
  void info(Client& client, const Words& words);
  void publish_command(Client& client, const Words& words);
  void role(Client& client, const Words& words);
  void scan(Client& client, const Words& words);
  void select(Client& client, const Words& words);
  void subscribe(Client& client, const Words& words);
  void time(Client& client, const Words& words);
  void track(Client& client, const Words& words);
  void unsubscribe(Client& client, const Words& words);

  std::size_t publish(const std::string& channel, const std::string& message);
  void tell_of_changes();

  NodeFacts facts_;
  Observer* observer_;
  std::uint64_t now_us_ = 0;
  std::uint64_t started_us_ = 0;
  std::uint64_t last_id_ = 0;
  std::map<unsigned, Store> stores_;
  std::map<std::uint64_t, std::unique_ptr<Client>> clients_;
};

// Whether `text` matches the glob, as Redis has it (stringmatchlen in util.c).
bool matches_glob(std::string_view glob, std::string_view text);

}  // namespace redlock::sim

#pragma once

#include "clocks.hpp"
#include "redis/keys.hpp"
#include "referee.hpp"
#include "setting.hpp"
#include "views.hpp"
#include "whole/node_clock.hpp"
#include "whole/program.hpp"
#include "whole/redis_node.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace redlock::sim {

class Wire;

// The knowledge of a world about the locks in it.
struct LockPlace {
  std::vector<std::string> keys;  // one a name
  unsigned db;
  std::string password;  // of the nodes
};

// A Redis server on a machine of its own: the process, which crashes, hangs and says no, and its clock.
class NodeServer final : public ServerView, private RedisNode::Observer {
 public:
  NodeServer(Setting& setting, Referee& referee, const LockPlace& place, std::size_t index);

  void set_on_change(std::function<void()> on_change) { on_change_ = std::move(on_change); }

  // ---- For connections
  bool up() const { return up_; }
  bool refuses() const { return !up_ && !silent_; }
  Instant hangs_until() const { return paused_until_; }
  RedisNode::Client& connect(Wire& wire);
  void disconnect(RedisNode::Client& client);
  void receive(Wire& wire, const std::string& bytes);
  void read_end(Wire& wire);  // the client says no more

  // ---- What happens to it
  void pause(Duration length);
  // `forgets`: it comes back empty. `silent`: the machine goes, and nobody is told that connections are gone.
  void crash(Duration down, bool forgets, bool silent);
  void delete_key(std::size_t name);
  void jump_clock(std::chrono::milliseconds by);
  // What another program does to the lock: SET key token NX PX ttl, and DEL if it is there. Nothing where it is down.
  bool set_for_foreigner(std::size_t name, const std::string& token, std::chrono::milliseconds ttl);
  void release_for_foreigner(std::size_t name, const std::string& token);

  // Whether it tells this program, at this address, of changes or of its turn.
  bool tells(const Program& program, std::size_t address) const;

  // Whether the name is kept for a waiter (redis::LockKeys::bar).
  bool keeps(std::size_t name) const;

  Duration until_full_second() const { return clock_.until_full_second(setting_.queue.now()); }
  std::chrono::seconds uptime() const { return std::chrono::seconds{redis_.uptime()}; }
  // When it did not answer at once.
  const std::vector<Program::Disturbance>& disturbances() const { return disturbances_; }

  // ---- ServerView
  std::size_t index() const override { return index_; }
  const std::string& name() const override { return name_; }
  const std::string* holder(std::size_t name) const override;
  const std::string* last_holder(std::size_t name) const override;
  std::int64_t last_ms(std::size_t name) const override;
  quorum::Fence counter(std::size_t name) const override;
  std::int64_t counter_last_ms(std::size_t name) const override;
  quorum::Fence written_fence(std::size_t name) const override;
  unsigned losses() const override { return losses_; }
  Instant started_at() const override { return started_at_; }
  Instant gone_at(std::int64_t last_ms) const override { return clock_.gone_at(last_ms); }

 private:
  std::optional<std::string> refuses(const RedisNode::Client& client, const Words& words) override;
  void before(unsigned db) override;
  void executed(const RedisNode::Client& client, const Executed& what) override;
  void answered(const RedisNode::Client& client, const CommandReader::Cut& cut, bool with_error) override;

  Store& store() const { return redis_.store(place_.db); }
  std::int64_t now_ms() const { return clock_.ms(setting_.queue.now()); }
  void tick() { redis_.set_time(clock_.us(setting_.queue.now())); }
  void execute(Wire& wire, const std::string& bytes);
  void note_expired();
  void note_expiry();
  void flush();
  void resume();
  void disturbed(Instant until, bool seen) {
    disturbances_.push_back({.address = 0, .from = setting_.queue.now(), .until = until, .seen = seen});
  }

  Setting& setting_;
  Referee& referee_;
  LockPlace place_;
  std::vector<redis::LockKeys> keys_;  // one a name
  std::size_t index_;
  std::string name_;
  NodeClock clock_;
  unsigned starts_ = 0;
  mutable RedisNode redis_;  // to look into a database that nobody has used makes it
  std::map<std::uint64_t, Wire*> wires_;
  std::vector<std::pair<Wire*, std::string>> waiting_;  // while it hangs

  bool up_ = true;
  bool silent_ = false;
  Instant paused_until_{};
  unsigned losses_ = 0;
  Instant started_at_{-std::chrono::hours{24}};
  Instant armed_ = Instant::max();  // for the next expiry
  std::vector<Program::Disturbance> disturbances_;
  std::function<void()> on_change_;
  std::vector<Before> before_;  // the script that runs; one a name
};

}  // namespace redlock::sim

#pragma once

#include "dice.hpp"
#include "event_queue.hpp"
#include "keyspace.hpp"
#include "quorum/waiter.hpp"
#include "waiting.hpp"
#include "waiting/client.hpp"
#include "waiting/free_check.hpp"
#include "waiting/sweep_check.hpp"
#include "waiting/turn_check.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redlock::sim::waiting {

inline constexpr std::chrono::milliseconds kTtl{3'000};
inline constexpr Duration kNodeTimeout = std::chrono::seconds{1};
inline constexpr Duration kProbeTimeout = std::chrono::milliseconds{100};
// So many at the head of the queue are told that they have moved up.
inline constexpr std::uint64_t kCalled = 2;
// So long a bar keeps a lock for its waiter.
inline constexpr std::chrono::milliseconds kBarLife{3'000};
// The server looks for expired keys now and then.
inline constexpr Duration kGreatestExpiryLag = std::chrono::milliseconds{100};

// The faults of one world.
struct Trouble {
  double loss = 0;          // of one notification
  Duration late{};          // at most
  std::size_t silent = 0;   // nodes that tell nothing
  bool node_hangs = false;  // one does not answer from some time on
  bool silences = false;    // some or all answer nothing for a while
  bool subscriptions_break = false;
  bool waiters_die = false;
  double far = 1;  // so many times the latency has the first client
  bool waiters_leave = false;
  bool waiters_stand_still = false;
  bool holders_die = false;
  bool deleted_by_hand = false;

  // Each notification comes, and each node answers.
  bool reliable() const {
    return loss == 0 && late == Duration{} && silent == 0 && !node_hangs && !silences &&
           !subscriptions_break && !waiters_stand_still;
  }
};

struct Node {
  Keyspace keys;
  bool silent = false;
  Instant hangs_until{};
  std::vector<Subscribed> subscribed;  // by client
  bool slots = false;

  // Slots share one.
  const NameKeys& queue_of(std::size_t name) const { return slots ? keys.of_slots() : keys.of(name); }
  NameKeys& queue_of(std::size_t name) { return slots ? keys.of_slots() : keys.of(name); }
};

// Nodes, clients that want their lock, and what goes wrong between them.
class World {
 public:
  World(std::uint64_t seed, const WaitingWorlds& worlds, std::string* trace);

  // The first promise that does not hold; nothing if all do.
  std::optional<std::string> run();

  // ---- For clients

  TimePoint now() const { return TimePoint{std::chrono::hours{1}} + queue.now().time_since_epoch(); }
  Instant when(TimePoint at) const { return Instant{at - TimePoint{std::chrono::hours{1}}}; }
  Now clocks() const;
  Duration one_way(const Client& client);

  // In order on each way. The outcome comes by the deadline.
  void request(Client& client, const quorum::Send& send);
  void leave_queue(const Client& client, NodeIndex at);
  void subscribe(Client& client, NodeIndex to, Subscribed mode);
  void probe(Client& client, const quorum::Waiter::Ask& ask);
  void granted(Client& client);
  void released(const Client& client);
  void began_to_wait(const Client& client) { free_check_.on_waiting(client.names()); }

  // ---- For all

  std::int64_t now_ms() const;
  bool hangs(NodeIndex node) const { return queue.now() < nodes[node].hangs_until; }
  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }
  void say(std::string_view who, std::string_view what);
  [[noreturn]] void violated(const std::string& what);

  EventQueue queue;
  Dice dice;
  Trouble trouble;
  std::size_t names = 1;
  bool slots = false;  // the names are slots of one lock, of which each client wants any
  Duration latency{};
  Duration hold{};
  std::vector<Node> nodes;

 private:
  void draw(std::size_t wanted_names);
  void draw_clients();
  void lay_table(unsigned meals);
  void note_meal(const Client& client);
  Names draw_names();
  void plan_trouble();
  void die(Client& client);
  void hang(NodeIndex node, Instant until);
  void add_client(Client::Wish wish);
  quorum::Reply execute(const Client& client, NodeIndex at, const quorum::Request& request);
  void call_next(NodeIndex at, std::size_t name, bool granted);
  void changed(NodeIndex at, std::size_t name);
  void tell(Client& client, NodeIndex from, std::function<void(Client&)> what);

  using Ways = std::map<std::pair<std::size_t, NodeIndex>, Instant>;
  void in_order(Ways& ways, const Client& client, NodeIndex node, Duration delay, std::function<void()> then);

  Defect defect_;
  std::string* trace_;
  std::vector<std::unique_ptr<Client>> clients_;
  FreeCheck free_check_{*this};
  SweepCheck sweep_check_{*this};
  TurnCheck turn_check_{*this};
  Ways up_, down_, told_;

  std::vector<unsigned> eaten_;  // by philosopher
};

}  // namespace redlock::sim::waiting

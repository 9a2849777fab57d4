#pragma once

#include "clocks.hpp"
#include "keyspace.hpp"
#include "quorum/types.hpp"
#include "setting.hpp"
#include "views.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace redlock::sim {

class Link;
class Referee;

// How fast one more clock of this world runs.
double draw_rate(Setting& setting);

// What a failing server answers that will not do it later either.
inline constexpr const char* kErrorForGood = "an error for good";

// A Redis server: the keys, a process that crashes and hangs, and a clock of its own.
class Server final : public ServerView {
 public:
  Server(Setting& setting, Referee& referee, std::size_t index);

  // A request arrives on a link. A server that is down loses it; one that hangs answers later, in order.
  void receive(Link& link, std::size_t message);

  void pause(Duration length);
  // `forgets`: it comes back empty. `silent`: the machine goes, and nobody is told that connections are gone.
  void crash(Duration down, bool forgets, bool silent);
  void delete_key(std::size_t name);
  void jump_clock(std::chrono::milliseconds by);

  void connect(Link& link) {
    if (std::find(links_.begin(), links_.end(), &link) == links_.end()) links_.push_back(&link);
  }

  bool up() const { return up_; }
  bool refuses() const { return !up_ && !silent_; }
  std::int64_t now_ms() const;
  Duration until_full_second() const;  // of its own clock
  quorum::Identity identity() const;
  const Keyspace& keys() const { return keys_; }

  // ---- ServerView
  std::size_t index() const override { return index_; }
  const std::string& name() const override { return name_; }
  const std::string* holder(std::size_t name) const override {
    return text_of(keys_.of(name).holder(now_ms()));
  }
  const std::string* last_holder(std::size_t name) const override {
    return text_of(keys_.of(name).last_holder());
  }
  std::int64_t last_ms(std::size_t name) const override { return keys_.of(name).last_ms(); }
  quorum::Fence counter(std::size_t name) const override { return keys_.of(name).counter(now_ms()); }
  std::int64_t counter_last_ms(std::size_t name) const override { return keys_.of(name).counter_last_ms(); }
  quorum::Fence written_fence(std::size_t name) const override { return keys_.of(name).written_fence(); }
  unsigned losses() const override { return losses_; }
  Instant started_at() const override { return started_at_; }
  Instant gone_at(std::int64_t last_ms) const override;

 private:
  static const std::string* text_of(const quorum::Token* token) {
    return token != nullptr ? &token->value : nullptr;
  }
  void execute(Link& link, std::size_t message);
  void note_expiries();
  void resume();

  Setting& setting_;
  Referee& referee_;
  std::size_t index_;
  std::string name_;
  SkewedClock clock_;
  std::chrono::milliseconds jumped_{};
  std::int64_t started_ms_;  // of its own clock
  unsigned starts_ = 0;
  Instant started_at_{-std::chrono::hours{24}};
  unsigned losses_ = 0;
  bool up_ = true;
  bool silent_ = false;
  Instant paused_until_{};
  std::vector<std::pair<Link*, std::size_t>> waiting_;  // while it hangs
  std::vector<Link*> links_;
  Keyspace keys_;
};

}  // namespace redlock::sim

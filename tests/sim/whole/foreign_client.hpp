#pragma once

#include "clocks.hpp"
#include "dice.hpp"
#include "referee.hpp"
#include "setting.hpp"
#include "views.hpp"

#include <functional>
#include <string>
#include <vector>

namespace redlock::sim {

class NodeServer;

// A client with another Redlock library, as the Redis page has it: SET NX PX on all nodes, a quorum and enough validity or
// a release everywhere, tries again after a random delay. It knows neither fences nor quarantine, and its requests come
// as commands, not as bytes: it is there for the others to meet.
class ForeignClient final : public ClientView {
 public:
  ForeignClient(Setting& setting, Referee& referee, std::string name, std::vector<NodeServer*> nodes,
                std::size_t wanted, std::uint64_t seed);

  void ask();

  const std::string& name() const override { return name_; }
  bool dead() const override { return false; }
  Now now() const override { return machine_.read(setting_.queue.now()); }
  TimePoint read(Instant instant) const override { return machine_.read(instant).boot; }

 private:
  using Request = std::function<bool(NodeServer&)>;
  using Answer = std::function<void(bool)>;

  void judge();
  void give_back();
  void send(std::size_t address, Request request, Answer answer);
  void arrive(NodeServer& node, Instant started_at, const Request& request, const Answer& answer);
  void plan(TimePoint at, std::function<void()> then) {
    setting_.queue.plan(machine_.when(at), std::move(then));
  }

  Setting& setting_;
  Referee& referee_;
  std::string name_;
  Machine machine_;
  Dice dice_;
  std::vector<NodeServer*> nodes_;  // by address
  std::size_t wanted_;              // the name
  std::vector<Instant> last_;       // when the last request to each arrives
  unsigned attempts_left_;
  quorum::Token token_;
  bool judged_ = true;
  std::size_t answers_ = 0;
  std::size_t votes_ = 0;
  TimePoint asked_at_{};
};

}  // namespace redlock::sim

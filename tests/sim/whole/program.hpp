#pragma once

#include "clocks.hpp"
#include "net/surroundings.hpp"
#include "setting.hpp"
#include "views.hpp"
#include "whole/fiber.hpp"
#include "whole/network.hpp"
#include "whole/tap.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace redlock::sim {

class NodeServer;
class Wire;

// What ends the fiber of a program that is dead, from within whatever it waits for.
struct Killed {};

// One run of the program on a machine of its own: its code runs on a fiber, and all that it knows of the world it is told
// here. It stops at any call that leaves its code, and dies where it waits.
class Program final : public ClientView, public Tap::Listener {
 public:
  // What it runs, on its fiber.
  using Body = std::function<void(Program&)>;

  Program(Setting& setting, std::string name, std::vector<NodeServer*> node_of_address, Machine machine,
          std::uint64_t seed);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() override;

  void start(Body body);
  // Its world is over: what still waits on its fiber is told that it is dead, so that the stack is cleared.
  void end();

  net::Surroundings surroundings() { return {clock_, entropy_, network_}; }
  Setting& setting() { return setting_; }
  SimulatedNetwork& network() { return network_; }

  // ---- What happens to it
  void pause(Duration length, bool suspended);
  void die();
  void jump_wall_clock(std::uint64_t to_us);
  void hold_back(std::size_t address, Instant until);
  void cut(std::size_t address);
  void lead_to(std::size_t address, NodeServer& node);

  // ---- For its parts
  // Any call that leaves the program's code: it may be stopped there.
  void seam();
  // Until something happens, or `until` by its own clock. Throws Killed.
  void sleep(TimePoint until);
  // Something has happened that it may be waiting for.
  void notify();
  Wire& open_wire(std::size_t address);

  // ---- What is known of it
  const std::string& name() const override { return name_; }
  bool started() const { return fiber_ != nullptr; }
  bool dead() const override { return dead_; }
  bool ended() const { return ended_; }  // its body has returned
  bool paused() const { return setting_.queue.now() < paused_until_; }
  Now now() const override { return machine_.read(setting_.queue.now()); }
  // When it last began to look at what had happened: it may have been stopped since, at any call.
  TimePoint polled_at() const { return polled_at_; }
  void polled() { polled_at_ = now().boot; }
  TimePoint read(Instant instant) const override { return machine_.read(instant).boot; }
  Instant when(TimePoint reading) const { return machine_.when(reading); }
  Instant when_wall(std::uint64_t us) const { return machine_.when_wall(us); }
  NodeServer& node_at(std::size_t address) const { return *node_of_address_[address]; }
  std::size_t addresses() const { return node_of_address_.size(); }
  Instant held_back_until(std::size_t address) const { return held_back_until_[address]; }
  const std::vector<Wire*>& wires() const { return wire_list_; }

  // When the way to an address was not as it should be. `seen`: and it was told so at the end, on a connection that it
  // still had. `error`: the node has answered with an error, after which the program need not try again.
  struct Disturbance {
    std::size_t address;
    Instant from{};
    Instant until;
    bool seen = false;
    bool error = false;
  };
  void disturbed(Disturbance disturbance);  // from now on
  bool paused_between(Instant from, Instant until) const;
  const std::vector<Disturbance>& disturbances(std::size_t address) const { return disturbances_[address]; }

  void asked(std::size_t address, Asked& request) override;
  void read_reply(std::size_t address, const Asked& request) override;
  void set_listener(Tap::Listener* listener) { listener_ = listener; }

 private:
  class OwnClock final : public Clock {
   public:
    explicit OwnClock(Program& program) : program_{program} {}
    Now now() override;
    TimePoint boot_now() override { return now().boot; }

   private:
    Program& program_;
  };

  void run();

  Setting& setting_;
  std::string name_;
  std::vector<NodeServer*> node_of_address_;
  Machine machine_;
  Dice entropy_;
  OwnClock clock_;
  SimulatedNetwork network_;
  std::vector<Instant> held_back_until_;
  std::vector<std::vector<Disturbance>> disturbances_;
  std::vector<Disturbance> pauses_;
  std::vector<std::unique_ptr<Wire>> wires_;
  std::vector<Wire*> wire_list_;
  Tap::Listener* listener_ = nullptr;
  std::unique_ptr<Fiber> fiber_;
  TimePoint polled_at_{};
  Instant paused_until_{};
  Instant armed_ = Instant::max();
  bool running_ = false;
  bool dead_ = false;
  bool ended_ = false;
};

Machine draw_machine(Setting& setting);

}  // namespace redlock::sim

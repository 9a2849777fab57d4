#include "whole/program.hpp"

#include "describe.hpp"
#include "server.hpp"
#include "whole/node_server.hpp"
#include "whole/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::sim {
namespace {

constexpr std::uint64_t kWallUs = 1'790'000'000'000'000;

}  // namespace

// Machines have been up for different times; their wall clocks agree but for some milliseconds.
Machine draw_machine(Setting& setting) {
  const Duration up = setting.dice.between(std::chrono::minutes{1}, std::chrono::hours{1});
  const auto up_us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(up).count());
  return Machine{SkewedClock{up, draw_rate(setting)}, kWallUs - up_us + setting.dice.below(2000)};
}

Program::Program(Setting& setting, std::string name, std::vector<NodeServer*> node_of_address,
                 Machine machine, std::uint64_t seed)
    : setting_{setting},
      name_{std::move(name)},
      node_of_address_{std::move(node_of_address)},
      machine_{machine},
      entropy_{seed},
      clock_{*this},
      network_{*this},
      held_back_until_(node_of_address_.size()),
      disturbances_(node_of_address_.size()) {
}

Program::~Program() {
  end();
}

void Program::end() {
  dead_ = true;
  try {
    if (fiber_ && !fiber_->ended()) fiber_->resume();
  } catch (const Violation&) {  // by what is dead, after its world's end
  }
}

void Program::start(Body body) {
  if (dead_) return;
  if (paused()) {
    setting_.queue.plan(paused_until_, [this, body = std::move(body)] { start(body); });
    return;
  }
  fiber_ = std::make_unique<Fiber>([this, body = std::move(body)] {
    try {
      body(*this);
      if (!dead_) ended_ = true;
    } catch (const Killed&) {
    }
  });
  run();
}

void Program::run() {
  if (!fiber_ || fiber_->ended() || running_ || paused()) return;
  running_ = true;
  fiber_->resume();
  running_ = false;
}

void Program::notify() {
  if (!dead_) run();
}

// ---- Stopping

void Program::seam() {
  if (dead_) return;
  if (setting_.strikes(Fault::ClientPauses) && setting_.dice.chance(0.1)) {
    pause(setting_.dice.between(Duration{}, Duration{setting_.scenario.ttl} * 3 / 2), false);
  }
  if (setting_.strikes(Fault::Suspends) && setting_.dice.chance(0.1)) {
    pause(setting_.dice.between(Duration{}, Duration{setting_.scenario.ttl} * 3 / 2), true);
  }
  if (has(setting_.scenario.faults, Fault::Deaths) && setting_.dice.chance(setting_.scenario.trouble / 100))
    die();
  while (!dead_ && paused() && running_) Fiber::suspend();
}

void Program::sleep(TimePoint until) {
  if (dead_) throw Killed{};
  if (until != TimePoint::max()) {
    const Instant at = std::max(machine_.when(until), setting_.queue.now());
    if (at < armed_ || armed_ < setting_.queue.now()) {
      armed_ = at;
      setting_.queue.plan(at, [this, at] {
        if (armed_ == at) armed_ = Instant::max();
        notify();
      });
    }
  }
  Fiber::suspend();
  if (dead_) throw Killed{};
}

void Program::pause(Duration length, bool suspended) {
  const Instant until = setting_.queue.now() + length;
  if (dead_ || ended_ || until <= paused_until_) return;
  if (setting_.traced()) {
    setting_.say(
        name_, fmt::format("{} for {}", suspended ? "its machine sleeps" : "stands still", describe(length)));
  }
  pauses_.push_back({.address = 0, .from = setting_.queue.now(), .until = until});
  if (suspended) machine_.was_suspended(length);
  paused_until_ = until;
  setting_.queue.plan(until, [this] { notify(); });
}

// The kernel closes its connections; what was written still arrives.
void Program::die() {
  if (std::exchange(dead_, true)) return;
  setting_.say(name_, "stops for ever");
  for (Wire* wire : wire_list_) wire->close();
}

// ---- The network

Wire& Program::open_wire(std::size_t address) {
  wires_.push_back(std::make_unique<Wire>(setting_, *this, *node_of_address_[address], address));
  wire_list_.push_back(wires_.back().get());
  return *wires_.back();
}

void Program::hold_back(std::size_t address, Instant until) {
  held_back_until_[address] = std::max(held_back_until_[address], until);
  disturbed({.address = address, .until = until});
  if (setting_.traced()) {
    setting_.say(name_,
                 fmt::format("nothing arrives at {} or from there for {}", node_of_address_[address]->name(),
                             describe(until - setting_.queue.now())));
  }
}

void Program::cut(std::size_t address) {
  for (Wire* wire : wire_list_) {
    if (wire->address() == address) wire->cut();
  }
}

void Program::lead_to(std::size_t address, NodeServer& node) {
  if (node_of_address_[address] == &node) return;
  node_of_address_[address] = &node;
  if (setting_.traced())
    setting_.say(name_, fmt::format("its address {} now leads to {}", address + 1, node.name()));
  cut(address);
}

void Program::disturbed(Disturbance disturbance) {
  disturbance.from = setting_.queue.now();
  disturbances_[disturbance.address].push_back(disturbance);
}

bool Program::paused_between(Instant from, Instant until) const {
  return std::any_of(pauses_.begin(), pauses_.end(),
                     [&](const Disturbance& pause) { return pause.from <= until && pause.until >= from; });
}

void Program::jump_wall_clock(std::uint64_t to_us) {
  if (setting_.traced()) setting_.say(name_, fmt::format("its wall clock jumps to {}", to_us));
  machine_.jump_wall_clock(to_us);
}

// ---- What is heard of it

void Program::asked(std::size_t address, Asked& request) {
  if (listener_ != nullptr) listener_->asked(address, request);
}
void Program::read_reply(std::size_t address, const Asked& request) {
  if (listener_ != nullptr) listener_->read_reply(address, request);
}

Now Program::OwnClock::now() {
  program_.seam();
  return program_.machine_.read(program_.setting_.queue.now());
}

}  // namespace redlock::sim

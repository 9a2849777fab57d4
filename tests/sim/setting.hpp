#pragma once

#include "event_queue.hpp"
#include "scenario.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace redlock::sim {

// Counted apart from quorum::Membership, which is under test.
constexpr std::size_t majority_of(std::size_t nodes) {
  return nodes / 2 + 1;
}

// An invariant does not hold. The text says which, of whom and when.
struct Violation {
  std::string what;
};

// What all parts of one world share: its parameters, time, chance, and the trace.
class Setting {
 public:
  // `trace` may be null; it must outlive this object.
  Setting(const Scenario& world, std::uint64_t seed, std::string* trace)
      : scenario{world}, dice{seed}, trace_{trace} {}

  const Scenario scenario;
  EventQueue queue;
  Dice dice;

  bool strikes(Fault fault) { return has(scenario.faults, fault) && dice.chance(scenario.trouble); }

  // How long one message takes.
  Duration latency() {
    if (strikes(Fault::Jitter)) return dice.between(scenario.latency, Duration{scenario.ttl} * 5 / 4);
    if (scenario.unequal_ttls) return scenario.latency;  // a refusal that comes late protects nobody
    return dice.between(scenario.latency / 2, scenario.latency * 3 / 2);
  }

  // Whether to find words for what happens.
  bool traced() const { return trace_ != nullptr; }
  void say(std::string_view who, std::string_view what) {
    if (trace_ == nullptr) return;
    *trace_ += fmt::format("{:12.3f} ms  {:<8}  {}\n", milliseconds_now(), who, what);
  }

  [[noreturn]] void violated(const std::string& what) {
    say("VIOLATED", what);
    throw Violation{fmt::format("at {:.3f} ms: {}", milliseconds_now(), what)};
  }

 private:
  double milliseconds_now() const {
    return std::chrono::duration<double, std::milli>{queue.now().time_since_epoch()}.count();
  }
  std::string* trace_;
};

}  // namespace redlock::sim

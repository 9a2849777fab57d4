#pragma once

#include "base/random.hpp"

#include <chrono>
#include <cstdint>

namespace redlock::sim {

// One step of SplitMix64: the whole simulator's randomness, the same on every machine and compiler.
constexpr std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

// A seeded source of everything that happens by chance, for the world and for the code under test.
class Dice final : public Entropy {
 public:
  explicit Dice(std::uint64_t seed) : state_{mix(seed)} {}

  std::uint64_t next() override { return mix(state_++); }

  bool chance(double probability) { return unit() < probability; }
  // A number in [0, bound); bound must not be 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  double between(double low, double high) { return low + (high - low) * unit(); }
  std::chrono::nanoseconds between(std::chrono::nanoseconds low, std::chrono::nanoseconds high) {
    if (high <= low) return low;
    return low + std::chrono::nanoseconds{below(static_cast<std::uint64_t>((high - low).count()))};
  }

 private:
  std::uint64_t state_;
};

}  // namespace redlock::sim

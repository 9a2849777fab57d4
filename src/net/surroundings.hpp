#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/network.hpp"

namespace redlock::net {

// What lock/ and redis/ know of the world. They use no other clock, random number or socket: so a simulator can take its
// place. Used by one thread at a time.
struct Surroundings {
  Clock& clock;
  Entropy& entropy;
  Network& network;
};

}  // namespace redlock::net

#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/network.hpp"

namespace redlock::net {

// The world as lock/ and redis/ see it. They use no other clock, random numbers or sockets, so a simulator can replace it.
// One thread uses it at a time.
struct Surroundings {
  Clock& clock;
  Entropy& entropy;
  Network& network;
};

}  // namespace redlock::net

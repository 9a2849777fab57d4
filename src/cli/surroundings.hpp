#pragma once

#include "net/surroundings.hpp"

namespace redlock::cli {

// The clocks, the random numbers and the network of this machine: handed down from here to all that uses them.
net::Surroundings surroundings();

}  // namespace redlock::cli

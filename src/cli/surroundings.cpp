#include "cli/surroundings.hpp"

#include "net/system_network.hpp"

namespace redlock::cli {

net::Surroundings surroundings() {
  static SystemClock clock;
  static SystemEntropy entropy;
  static net::SystemNetwork network;
  return {.clock = clock, .entropy = entropy, .network = network};
}

}  // namespace redlock::cli

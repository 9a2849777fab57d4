#pragma once

#include "fake_network.hpp"
#include "lock/driver.hpp"

#include <string>
#include <vector>

namespace redlock::test {

inline constexpr std::chrono::milliseconds kNodeTimeout{100};

// Hears what the observer of a driver does: "down 1", "up 1".
class Recorder final : public lock::Observer {
 public:
  void node_down(const std::string& node, const std::string&) override { said.push_back("down " + node); }
  void node_up(const std::string& node) override { said.push_back("up " + node); }
  std::vector<std::string> said;
};

// Some nodes in memory, all in order.
struct LockCase {
  explicit LockCase(std::size_t nodes = 3) : network{nodes} {}

  lock::DriverOptions options() {
    return {.surroundings = network.surroundings(),
            .nodes = network.endpoints(),
            .subject = {.key = "k", .holder = {}},
            .node_timeout = kNodeTimeout,
            .restart_quarantine = {},
            .observer = &recorder};
  }
  std::string name(std::size_t node) { return network.endpoints()[node].display(); }

  FakeNetwork network;
  Recorder recorder;
};

}  // namespace redlock::test

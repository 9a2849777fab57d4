#pragma once

#include "fake_network.hpp"
#include "lock/acquirer.hpp"
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
            .subject = {.keys = {"k"}, .holder = {}},
            .node_timeout = kNodeTimeout,
            .restart_quarantine = {},
            .observer = &recorder};
  }
  std::string name(std::size_t node) { return network.endpoints()[node].display(); }

  FakeNetwork network;
  Recorder recorder;
};

// A client that asks for the lock of these nodes.
struct AcquirerCase : LockCase {
  lock::Driver driver{options()};
  lock::Acquirer acquirer{driver};
  quorum::AcquireRules rules{.ttl = std::chrono::seconds{10},
                             .node_timeout = kNodeTimeout,
                             .least_validity = std::chrono::seconds{1}};
  lock::WaitPolicy policy{.retry_delay = std::chrono::milliseconds{200}};
  TimePoint began = network.boot_now();

  Duration took() { return network.boot_now() - began; }
};

}  // namespace redlock::test

#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/network.hpp"
#include "net/surroundings.hpp"
#include "redis/endpoint.hpp"
#include "redis/scripts.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// Redis servers in memory behind net::Network, and a clock that only poll() moves: what is shipped from lock/ down to RESP
// runs on it, in no time and the same each time.
namespace redlock::test {

using redis::RequestKind;

// One server. A test changes how it behaves at any time.
struct FakeNode {
  std::string run_id;
  bool refuses = false;  // connections
  bool silent = false;   // takes requests in, and neither executes nor answers them
  Duration latency = std::chrono::milliseconds{1};  // from a request to its answer
  std::optional<RequestKind>
      breaks_on{};  // the connection breaks instead of the next such request's execution
  bool forbids_info = false;

  // The lock, which is without an end here.
  std::string token{};
  std::uint64_t fence = 0;
  int ahead = -1;  // of each waiter, in the queue; -1: there is none

  std::vector<RequestKind> requests{};  // all that came in
  std::size_t count(RequestKind kind) const;
};

class FakeNetwork final : public net::Network, public Clock, public Entropy {
 public:
  explicit FakeNetwork(std::size_t nodes);
  ~FakeNetwork() override;

  FakeNode& node(std::size_t index) { return nodes_[index]; }
  std::vector<redis::NodeEndpoint> endpoints() const;
  net::Surroundings surroundings() { return {.clock = *this, .entropy = *this, .network = *this}; }

  // A made-up descriptor that is readable from `at` on.
  int readable_from(TimePoint at);

  // This process is stopped for so long when it polls next.
  void oversleep(Duration time) { oversleeps_ = time; }

  // Clock.
  Now now() override;
  TimePoint boot_now() override { return now_; }

  // Entropy: numbers that only ever grow.
  std::uint64_t next() override { return ++last_random_; }

  // Network. poll() moves the clock to the next thing that happens. Real descriptors are looked at, too.
  std::unique_ptr<net::Dial> dial(const net::Endpoint& endpoint) override;
  void poll(net::Poller& poller, TimePoint now, TimePoint until) override;

 private:
  class Connection;
  class FakeStream;
  class FakeDial;

  short ready(const pollfd& entry) const;
  TimePoint next_event() const;

  TimePoint now_{std::chrono::hours{1}};
  Duration oversleeps_{};
  std::uint64_t last_random_ = 0;
  std::deque<FakeNode> nodes_;
  std::map<int, std::shared_ptr<Connection>> connections_;  // by made-up descriptor
  std::map<int, TimePoint> alarms_;                         // likewise
  int last_fd_ = 1'000'000;                                 // beyond any real one
};

}  // namespace redlock::test

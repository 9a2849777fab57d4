#pragma once

#include "base/clock.hpp"
#include "net/connection_failure.hpp"
#include "net/endpoint.hpp"
#include "net/poller.hpp"
#include "net/stream.hpp"

#include <memory>
#include <variant>

// All that touches the outside. The program has SystemNetwork; a simulator has one of its own.
namespace redlock::net {

// A connection in the making: a name is resolved, then its addresses are connected to. No call blocks, and nothing limits
// it in time: its owner has the deadline. Destruction gives up.
class Dial {
 public:
  struct Dialing {};
  using Result = std::variant<Dialing, std::unique_ptr<Stream>, ConnectionFailure>;

  Dial() = default;
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;
  virtual ~Dial() = default;

  // Does what can be done now. Anything but Dialing is the end, and no step may follow it. `allowance`: how long the
  // connection is waited for; where a name has several addresses, each of them gets a part of it.
  virtual Result step(TimePoint now, Duration allowance) = 0;

  // A name is looked up; otherwise an address is connected to.
  virtual bool resolving() const noexcept = 0;

  // Adds the descriptors that step() waits for.
  virtual void watch(Poller& poller) const = 0;

  // When step() has something to do though no descriptor is ready; TimePoint::max() for never.
  virtual TimePoint next_timer() const noexcept = 0;
};

class Network {
 public:
  Network() = default;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  virtual ~Network() = default;

  // Begins with the first step(). The endpoint and this object must outlive the result.
  virtual std::unique_ptr<Dial> dial(const Endpoint& endpoint) = 0;

  // Returns when a descriptor of `poller` is ready, at `until`, or after a signal. A wait of up to a second may end up to
  // one second late if the machine is suspended meanwhile. Throws SystemError.
  virtual void poll(Poller& poller, TimePoint now, TimePoint until) = 0;
};

}  // namespace redlock::net

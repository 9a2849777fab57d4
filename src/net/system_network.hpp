#pragma once

#include "base/timer.hpp"
#include "net/network.hpp"
#include "net/unresolved_names.hpp"

#include <memory>
#include <optional>

namespace redlock::net {

// The network of the machine: sockets, getaddrinfo(3), ppoll(2).
class SystemNetwork final : public Network {
 public:
  std::unique_ptr<Dial> dial(const Endpoint& endpoint) override;
  void poll(Poller& poller, TimePoint now, TimePoint until) override;

 private:
  void poll_long(Poller& poller, TimePoint until);

  UnresolvedNames unresolved_;
  std::optional<Timer> timer_;  // made by the first long wait, since most runs have none
};

}  // namespace redlock::net

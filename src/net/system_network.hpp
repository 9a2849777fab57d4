#pragma once

#include "base/fd.hpp"
#include "net/network.hpp"

#include <memory>

namespace redlock::net {

// The network of the machine: sockets, getaddrinfo(3), ppoll(2).
class SystemNetwork final : public Network {
 public:
  std::unique_ptr<Dial> dial(const Endpoint& endpoint) override;
  void poll(Poller& poller, TimePoint now, TimePoint until) override;

 private:
  void poll_long(Poller& poller, TimePoint until);

  UniqueFd timer_;  // CLOCK_BOOTTIME; made by the first long wait, since most runs have none
};

}  // namespace redlock::net

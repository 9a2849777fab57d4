#pragma once

#include "net/connector.hpp"
#include "net/network.hpp"
#include "net/resolver.hpp"

#include <variant>

namespace redlock::net {

// A name is looked up first; a number, or the path of a socket, is connected to at once.
class SystemDial final : public Dial {
 public:
  explicit SystemDial(const Endpoint& endpoint) : endpoint_{endpoint} {}

  Result step(TimePoint now, Duration allowance) override;
  Phase phase() const noexcept override;
  void watch(Poller& poller) const override;
  TimePoint next_timer() const noexcept override;

 private:
  struct Unbegun {};

  const Endpoint& endpoint_;
  std::variant<Unbegun, Lookup, Connector> way_;
};

}  // namespace redlock::net

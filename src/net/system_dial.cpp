#include "net/system_dial.hpp"

#include "base/overload.hpp"
#include "net/address.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace redlock::net {

Dial::Result SystemDial::step(TimePoint now, Duration allowance) {
  if (std::holds_alternative<Unbegun>(way_)) {
    const bool unix_socket = endpoint_.transport == Endpoint::Transport::Unix;
    const std::optional<Address> address =
        unix_socket ? unix_address(endpoint_.path) : numeric_address(endpoint_.host, endpoint_.port);
    if (address) {
      way_.emplace<Connector>(std::vector<Address>{*address}, allowance);
    } else if (!unix_socket) {
      way_.emplace<Lookup>(endpoint_.host, endpoint_.port);
    } else {
      return ConnectionFailure{.kind = ConnectionFailure::Kind::Unreachable,
                               .detail = "no path of a socket is that long"};
    }
  }
  if (auto* lookup = std::get_if<Lookup>(&way_)) {
    auto answer = lookup->take();
    if (!answer) return Dialing{};
    if (auto* failure = std::get_if<ConnectionFailure>(&*answer)) return std::move(*failure);
    way_.emplace<Connector>(std::get<std::vector<Address>>(std::move(*answer)), allowance);
  }
  return std::visit(
      Overload{[](Connector::Connecting) -> Result { return Dialing{}; },
               [&](UniqueFd socket) -> Result { return make_stream(endpoint_, std::move(socket)); },
               [](ConnectionFailure failure) -> Result { return failure; }},
      std::get<Connector>(way_).step(now));
}

Dial::Phase SystemDial::phase() const noexcept {
  return std::holds_alternative<Lookup>(way_) ? Phase::Resolving : Phase::Connecting;
}

void SystemDial::watch(Poller& poller) const {
  if (const auto* lookup = std::get_if<Lookup>(&way_)) poller.add(lookup->fd(), POLLIN);
  if (const auto* connector = std::get_if<Connector>(&way_)) connector->watch(poller);
}

TimePoint SystemDial::next_timer() const noexcept {
  const auto* connector = std::get_if<Connector>(&way_);
  return connector != nullptr ? connector->next_timer() : TimePoint::max();
}

}  // namespace redlock::net

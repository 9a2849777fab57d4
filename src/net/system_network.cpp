#include "net/system_network.hpp"

#include "base/error.hpp"
#include "base/overload.hpp"
#include "net/address.hpp"
#include "net/connector.hpp"
#include "net/resolver.hpp"

#include <cerrno>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace redlock::net {
namespace {

// The timeout of ppoll(2) stands still while the machine is suspended: for longer waits it is not good enough.
constexpr std::chrono::seconds kLongWait{1};

void poll_for(Poller& poller, const timespec* timeout) {
  const auto polled = poller.entries();
  if (ppoll(polled.data(), polled.size(), timeout, nullptr) >= 0) return;
  for (pollfd& each : polled) each.revents = 0;
  if (errno != EINTR) throw SystemError{"cannot wait for the nodes", errno};
}

// A name is looked up first; a number, or the path of a socket, is connected to at once.
class SystemDial final : public Dial {
 public:
  SystemDial(const Endpoint& endpoint, UnresolvedNames& unresolved)
      : endpoint_{endpoint}, unresolved_{unresolved} {}

  Result step(TimePoint now, Duration allowance) override;
  bool resolving() const noexcept override { return std::holds_alternative<Lookup>(way_); }
  void watch(Poller& poller) const override;
  TimePoint next_timer() const noexcept override;

 private:
  struct Unbegun {};

  const Endpoint& endpoint_;
  UnresolvedNames& unresolved_;
  std::variant<Unbegun, Lookup, Connector> way_;
};

Dial::Result SystemDial::step(TimePoint now, Duration allowance) {
  if (std::holds_alternative<Unbegun>(way_)) {
    const bool unix_socket = endpoint_.transport == Endpoint::Transport::Unix;
    const std::optional<Address> address =
        unix_socket ? unix_address(endpoint_.path) : numeric_address(endpoint_.host, endpoint_.port);
    if (address) {
      way_.emplace<Connector>(std::vector<Address>{*address}, allowance);
    } else if (!unix_socket) {
      if (auto failure = unresolved_.find(endpoint_.host, now)) return *std::move(failure);
      way_.emplace<Lookup>(endpoint_.host, endpoint_.port);
    } else {
      return ConnectionFailure{.kind = ConnectionFailure::Kind::Unreachable,
                               .detail = "no path of a socket is that long"};
    }
  }
  if (auto* lookup = std::get_if<Lookup>(&way_)) {
    auto answer = lookup->take();
    if (!answer) return Dialing{};
    if (auto* failure = std::get_if<ConnectionFailure>(&*answer)) {
      unresolved_.on_failure(endpoint_.host, now, *failure);
      return std::move(*failure);
    }
    unresolved_.on_success(endpoint_.host);
    way_.emplace<Connector>(std::get<std::vector<Address>>(std::move(*answer)), allowance);
  }
  return std::visit(Overload{[](Connector::Connecting) -> Result { return Dialing{}; },
                             [&](UniqueFd socket) -> Result {
                               return endpoint_.transport == Endpoint::Transport::Tls
                                          ? make_tls_stream(endpoint_, std::move(socket))
                                          : make_plain_stream(std::move(socket));
                             },
                             [](ConnectionFailure failure) -> Result { return failure; }},
                    std::get<Connector>(way_).step(now));
}

void SystemDial::watch(Poller& poller) const {
  if (const auto* lookup = std::get_if<Lookup>(&way_)) poller.add(lookup->fd(), POLLIN);
  if (const auto* connector = std::get_if<Connector>(&way_)) connector->watch(poller);
}

TimePoint SystemDial::next_timer() const noexcept {
  const auto* connector = std::get_if<Connector>(&way_);
  return connector != nullptr ? connector->next_timer() : TimePoint::max();
}

}  // namespace

std::unique_ptr<Dial> SystemNetwork::dial(const Endpoint& endpoint) {
  return std::make_unique<SystemDial>(endpoint, unresolved_);
}

void SystemNetwork::poll(Poller& poller, TimePoint now, TimePoint until) {
  const Duration left = until > now ? until - now : Duration::zero();
  if (left > kLongWait) return poll_long(poller, until);
  const timespec timeout = to_timespec(TimePoint{left});
  poll_for(poller, &timeout);
}

void SystemNetwork::poll_long(Poller& poller, TimePoint until) {
  if (until == TimePoint::max()) return poll_for(poller, nullptr);
  if (!timer_) timer_.emplace();
  timer_->set(until);
  poller.add(timer_->fd(), POLLIN);
  poll_for(poller, nullptr);
}

}  // namespace redlock::net

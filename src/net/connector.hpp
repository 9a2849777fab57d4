#pragma once

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "net/address.hpp"
#include "net/connection_failure.hpp"
#include "net/poller.hpp"

#include <variant>
#include <vector>

namespace redlock::net {

// Connects to the first of several addresses that answers: the next one is tried beside the others when one
// has failed, or after a delay (after RFC 8305). Unlimited in time: whoever waits for it has the deadline.
class Connector {
 public:
  // The delay, where there is time enough for each address to get its turn.
  static constexpr std::chrono::milliseconds kPatience{250};

  struct Connecting {};
  using ConnectResult = std::variant<Connecting, UniqueFd, ConnectionFailure>;

  // `allowance`: what there is time for. The delay is short enough for the last address to have a part of it.
  Connector(std::vector<Address> addresses, Duration allowance);

  // Does what can be done now. Once it returns a socket (non-blocking, connected) or a failure, it is
  // finished.
  ConnectResult step(TimePoint now);

  void watch(Poller& poller) const;

  // When step() has something to do though no descriptor is ready; TimePoint::max() for never.
  TimePoint next_timer() const noexcept { return next_timer_; }

 private:
  struct Attempt {
    UniqueFd socket;
    const Address* address;
    bool backlog_full =
        false;  // a unix socket's: connect(2) must be called again, poll(2) would not tell when
  };
  enum class AttemptStep { Connected, Pending, Failed };

  bool start_next(TimePoint now);
  AttemptStep advance(Attempt& attempt);

  std::vector<Address> addresses_;
  Duration patience_;
  std::size_t started_ = 0;  // of addresses_
  std::vector<Attempt> attempts_;
  TimePoint start_next_at_{};
  TimePoint next_timer_ = TimePoint::max();
  ConnectionFailure failure_{ConnectionFailure::Kind::Unreachable,
                             "no address"};  // of the last attempt that failed
};

}  // namespace redlock::net

#include "net/connector.hpp"

#include "base/error.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace redlock::net {
namespace {

// How soon a full backlog of a unix socket is worth another look.
constexpr std::chrono::milliseconds kBacklogRetry{10};

// Many addresses in a short time must not become a volley of connections.
constexpr Duration kLeastPatience = std::chrono::milliseconds{10};

// No byte of any request has been sent, so this must be one of the kinds that say so.
ConnectionFailure connect_failure(int error_number) {
  if (error_number == ECONNREFUSED) return {.kind = ConnectionFailure::Kind::Refused, .detail = {}};
  return {.kind = ConnectionFailure::Kind::Unreachable, .detail = errno_text(error_number)};
}

UniqueFd open_socket(int family) {
  UniqueFd socket{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (socket && family != AF_UNIX) {
    // A request behind an unanswered one must not wait for its acknowledgement.
    const int on = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return socket;
}

}  // namespace

Connector::Connector(std::vector<Address> addresses, Duration allowance)
    : addresses_{std::move(addresses)},
      patience_{std::clamp<Duration>(allowance / static_cast<Duration::rep>(addresses_.size() + 1),
                                     kLeastPatience, kPatience)} {
}

Connector::ConnectResult Connector::step(TimePoint now) {
  for (std::size_t i = 0; i < attempts_.size() || start_next(now);) {
    switch (advance(attempts_[i])) {
      case AttemptStep::Connected: return std::move(attempts_[i].socket);
      case AttemptStep::Pending: ++i; break;
      case AttemptStep::Failed:
        attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(i));
        start_next_at_ = now;
    }
  }
  if (attempts_.empty()) return failure_;
  const bool retry =
      std::any_of(attempts_.begin(), attempts_.end(), [](const auto& a) { return a.backlog_full; });
  next_timer_ = started_ < addresses_.size() ? start_next_at_ : TimePoint::max();
  if (retry) next_timer_ = std::min(next_timer_, now + kBacklogRetry);
  return Connecting{};
}

// Opens a socket for the next address if it is time to.
bool Connector::start_next(TimePoint now) {
  while (started_ < addresses_.size() && now >= start_next_at_) {
    const Address& address = addresses_[started_++];
    UniqueFd socket = open_socket(address.family());
    if (!socket) {
      failure_ = connect_failure(errno);
      continue;
    }
    start_next_at_ = now + patience_;
    attempts_.push_back({.socket = std::move(socket), .address = &address});
    return true;
  }
  return false;
}

// Calls connect(2) once to begin and again to learn what has become of it. On loopback the handshake is over
// when the first call says EINPROGRESS, and the second one saves a poll(2).
Connector::AttemptStep Connector::advance(Attempt& attempt) {
  for (int call = 0; call < 2; ++call) {
    if (::connect(attempt.socket.get(), attempt.address->get(), attempt.address->length) == 0) {
      return AttemptStep::Connected;
    }
    attempt.backlog_full = false;
    switch (errno) {
      case EISCONN: return AttemptStep::Connected;
      case EINPROGRESS:
      case EINTR: continue;
      case EALREADY: return AttemptStep::Pending;
      case EAGAIN:
        if (attempt.address->family() == AF_UNIX) {
          attempt.backlog_full = true;
          return AttemptStep::Pending;
        }
        [[fallthrough]];  // TCP: no local port is left
      default: failure_ = connect_failure(errno); return AttemptStep::Failed;
    }
  }
  return AttemptStep::Pending;
}

void Connector::watch(Poller& poller) const {
  for (const Attempt& attempt : attempts_) {
    if (!attempt.backlog_full) poller.add(attempt.socket.get(), POLLOUT);
  }
}

}  // namespace redlock::net

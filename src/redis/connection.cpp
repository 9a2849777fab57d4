#include "redis/connection.hpp"

#include "redis/node_error.hpp"

#include <array>
#include <utility>

namespace redlock::redis {
namespace {

using quorum::Failure;
using State = net::Progress::State;

constexpr std::size_t kReadSize = std::size_t{1} << 14U;
constexpr int kMostReads = 8;  // in a row: a node that never stops to talk must not keep the others waiting

Failure closed() {
  return node_failure(NodeError::Disconnected, "the server closed it");
}

short poll_events(State wanted) {
  return wanted == State::WantWrite ? POLLOUT : POLLIN;
}

}  // namespace

Connection::Connection(const NodeEndpoint& endpoint, net::Network& network, TimePoint now)
    : endpoint_{endpoint}, dial_{network.dial(endpoint)}, since_{now} {
}

Connection::Phase Connection::phase() const noexcept {
  if (handshaken_) return Phase::Open;
  if (stream_) return Phase::Handshaking;
  return dial_->resolving() ? Phase::Resolving : Phase::Connecting;
}

std::string_view Connection::doing() const noexcept {
  switch (phase()) {
    case Phase::Resolving: return "resolving its name";
    case Phase::Connecting: return "connecting";
    case Phase::Handshaking:
      // To a Redis without TLS the first message of TLS is the beginning of a command.
      return heard() ? "in the TLS handshake"
                     : "in the TLS handshake, without a word: if it does not speak TLS, use redis://";
    case Phase::Open: break;
  }
  return {};
}

std::optional<Failure> Connection::advance(TimePoint now, Duration allowance) {
  if (dial_) {
    const bool resolving = phase() == Phase::Resolving;
    auto result = dial_->step(now, allowance);
    if (auto* failure = std::get_if<net::ConnectionFailure>(&result))
      return node_failure(std::move(*failure));
    if (auto* stream = std::get_if<std::unique_ptr<net::Stream>>(&result)) {
      stream_ = std::move(*stream);
      dial_.reset();
    }
    if (resolving && phase() != Phase::Resolving) since_ = now;
  }
  return stream_ && !handshaken_ ? shake_hands(now) : std::nullopt;
}

std::optional<Failure> Connection::shake_hands(TimePoint now) {
  const net::Progress progress = stream_->handshake();
  switch (progress.state) {
    case State::Done:
      handshaken_ = true;
      since_ = now;
      return std::nullopt;
    case State::WantRead:
    case State::WantWrite: reads_on_ = progress.state; return std::nullopt;
    case State::Ended: return node_failure(NodeError::TlsFailed, "the server closed the connection");
    case State::Failed: return node_failure(progress.failure);
  }
  return std::nullopt;
}

// A Redis that speaks TLS hangs up on a client that does not, and twemproxy on one that asks for INFO.
Failure Connection::end_of(Failure failure) const {
  if (endpoint_.transport == NodeEndpoint::Transport::Tcp && !heard()) {
    failure.detail +=
        ", without a word: if it speaks TLS, use rediss://; if it is a proxy such as twemproxy, name the "
        "servers behind it";
  }
  return failure;
}

std::variant<std::size_t, Failure> Connection::write(std::span<const iovec> parts) {
  const net::Progress progress = stream_->write(parts);
  switch (progress.state) {
    case State::Done: return progress.bytes;
    case State::WantRead:
    case State::WantWrite: writes_on_ = progress.state; return std::size_t{0};
    case State::Ended: return end_of(closed());
    case State::Failed: return end_of(node_failure(progress.failure));
  }
  return std::size_t{0};
}

std::optional<Failure> Connection::read(const std::function<std::size_t()>& limit,
                                        const std::function<std::optional<Failure>(Value)>& take) {
  std::array<char, kReadSize> bytes;
  for (int reads = 0; reads < kMostReads || stream_->buffered(); ++reads) {
    const net::Progress progress = stream_->read(bytes);
    switch (progress.state) {
      case State::Done: break;
      case State::WantRead:
      case State::WantWrite: reads_on_ = progress.state; return std::nullopt;
      case State::Ended: return end_of(closed());
      case State::Failed: return end_of(node_failure(progress.failure));
    }
    reader_.feed({bytes.data(), progress.bytes});
    for (bool more = true; more;) {
      reader_.limit(limit());
      auto next = reader_.next();
      if (auto* value = std::get_if<Value>(&next)) {
        if (auto failure = take(std::move(*value))) return failure;
      } else if (auto* malformed = std::get_if<ReplyReader::Malformed>(&next)) {
        return node_failure(NodeError::Garbled, std::move(malformed->why));
      } else {
        more = false;
      }
    }
    if (progress.bytes < bytes.size() && !stream_->buffered()) return std::nullopt;
  }
  return std::nullopt;
}

void Connection::keep_alive() noexcept {
  if (!std::exchange(kept_alive_, true)) stream_->keep_alive();
}

void Connection::discard_input() {
  std::array<char, kReadSize> unwanted;
  for (int reads = 0; reads < kMostReads; ++reads) {
    if (stream_->read(unwanted).state != State::Done) return;
  }
}

void Connection::abandon() noexcept {
  if (stream_) stream_->abandon();
}

void Connection::watch(net::Poller& poller, bool has_output) const {
  if (dial_) return dial_->watch(poller);
  int events = poll_events(reads_on_);
  if (handshaken_ && (has_output || holds_back())) events |= poll_events(writes_on_);
  poller.add(stream_->fd(), static_cast<short>(events));
}

}  // namespace redlock::redis

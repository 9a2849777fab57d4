#pragma once

#include "net/surroundings.hpp"
#include "quorum/types.hpp"
#include "redis/endpoint.hpp"
#include "redis/wire.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace redlock::redis {

// One connection to a node, from the first look at its name on: it is dialled, shakes hands, and then carries commands one
// way and replies the other. No call blocks. Its owner decides how long it is waited for, and drops it after a failure.
class Connection {
 public:
  enum class Phase { Resolving, Connecting, Handshaking, Open };

  // All must outlive the connection.
  Connection(const NodeEndpoint& endpoint, net::Network& network, TimePoint now);

  // Goes on towards Open. `allowance`: see net::Dial. Returns why it failed.
  std::optional<quorum::Failure> advance(TimePoint now, Duration allowance);

  Phase phase() const noexcept;
  bool is_open() const noexcept { return handshaken_; }
  // Its phase in words, until it is open.
  std::string_view doing() const noexcept;

  // When it began to connect: to an address, not to ask for one. Once it is open: since when it is.
  TimePoint since() const noexcept { return since_; }

  // ---- Once it is open

  // Hands bytes to the kernel: returns how many it took, or why the connection has ended.
  std::variant<std::size_t, quorum::Failure> write(std::span<const iovec> parts);

  // Whether bytes that it took are not in the hands of the kernel yet: write() goes on with them.
  bool holds_back() const noexcept { return stream_ != nullptr && stream_->holds_back(); }

  // Takes in what has come. Each reply goes to `take`, which returns why the connection is of no more use, if so. `limit`
  // is asked before each reply how many bytes it may have. Returns why the connection has ended, or must.
  std::optional<quorum::Failure> read(const std::function<std::size_t()>& limit,
                                      const std::function<std::optional<quorum::Failure>(Value)>& take);

  // Has the kernel notice when the node has vanished.
  void keep_alive() noexcept;

  // Throws away what has come, so that a close is an ordinary one: the kernel answers a close with unread bytes with a
  // reset, and drops what it has not sent by then.
  void discard_input();

  // Closes it so that the kernel sends nothing any more.
  void abandon() noexcept;

  // ---- Waiting

  void watch(net::Poller& poller, bool has_output) const;
  // When advance() has something to do though no descriptor is ready; TimePoint::max() for never.
  TimePoint next_timer() const noexcept { return dial_ ? dial_->next_timer() : TimePoint::max(); }

 private:
  std::optional<quorum::Failure> shake_hands(TimePoint now);
  bool heard() const noexcept { return stream_ != nullptr && stream_->heard(); }
  quorum::Failure end_of(quorum::Failure failure) const;

  const NodeEndpoint& endpoint_;
  std::unique_ptr<net::Dial> dial_;      // until there is a stream
  std::unique_ptr<net::Stream> stream_;  // from then on
  bool handshaken_ = false;
  bool kept_alive_ = false;
  net::Progress::State reads_on_ =
      net::Progress::State::WantRead;  // what poll(2) must say for the next read,
  net::Progress::State writes_on_ = net::Progress::State::WantWrite;  // and for the next write
  ReplyReader reader_;
  TimePoint since_;
};

}  // namespace redlock::redis

#include "base/error.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace redlock::net {
namespace {

class PlainStream final : public Stream {
 public:
  explicit PlainStream(UniqueFd socket) : socket_{std::move(socket)} {}

  int fd() const noexcept override { return socket_.get(); }

  Progress handshake() override { return {.state = Progress::State::Done}; }

  Progress read(std::span<char> into) override {
    ssize_t count = 0;
    do {
      count = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count > 0) {
      heard_ = true;
      return {.state = Progress::State::Done, .bytes = static_cast<std::size_t>(count)};
    }
    if (count == 0) return {.state = Progress::State::Ended};
    return blocked_or_failed(Progress::State::WantRead);
  }

  Progress write(std::span<const iovec> from) override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(from.data());  // sendmsg(2) does not write to it
    message.msg_iovlen = from.size();
    ssize_t count = 0;
    do {
      count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count >= 0) return {.state = Progress::State::Done, .bytes = static_cast<std::size_t>(count)};
    return blocked_or_failed(Progress::State::WantWrite);
  }

  bool holds_back() const noexcept override { return false; }

  bool heard() const noexcept override { return heard_; }

  bool buffered() const noexcept override { return false; }

  void abandon() noexcept override { close_at_once(socket_); }

  void keep_alive() noexcept override { net::keep_alive(socket_.get()); }

 private:
  static Progress blocked_or_failed(Progress::State want) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.state = want};
    return {.state = Progress::State::Failed,
            .failure = {.kind = ConnectionFailure::Kind::Disconnected, .detail = errno_text(errno)}};
  }

  UniqueFd socket_;
  bool heard_ = false;
};

}  // namespace

std::unique_ptr<Stream> make_plain_stream(UniqueFd socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace redlock::net

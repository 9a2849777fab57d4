#include "net/tls_socket.hpp"

#include "base/error.hpp"

#include <openssl/bio.h>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace redlock::net {
namespace {

// A node that makes OpenSSL answer without end (it may ask for new keys again and again), and reads nothing of it, has
// no claim to more memory.
constexpr std::size_t kMostUnsent = std::size_t{1} << 18U;

}  // namespace

// Called by OpenSSL. Nothing may be thrown through it.
struct TlsSocketBio {
  static TlsSocket& socket_of(BIO* bio) { return *static_cast<TlsSocket*>(BIO_get_data(bio)); }

  static int write(BIO* bio, const char* bytes, int size) noexcept {
    TlsSocket& socket = socket_of(bio);
    BIO_clear_retry_flags(bio);
    if (socket.unsent_.size() > kMostUnsent) return -1;
    try {
      socket.unsent_.append(bytes, static_cast<std::size_t>(size));
    } catch (const std::bad_alloc&) {
      return -1;
    }
    return size;
  }

  static int read(BIO* bio, char* into, int size) noexcept {
    TlsSocket& socket = socket_of(bio);
    BIO_clear_retry_flags(bio);
    if (socket.reads_left_-- <= 0) {
      BIO_set_retry_read(bio);  // poll(2) says at once that there is more
      return -1;
    }
    ssize_t count = 0;
    do {
      count = ::recv(socket.fd(), into, static_cast<std::size_t>(size), MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      BIO_set_retry_read(bio);
      return -1;
    }
    if (count < 0) socket.read_error_ = errno;
    if (count == 0) socket.ended_ = true;
    if (count > 0) {
      const std::size_t room = socket.heard_.size() - socket.heard_size_;
      const std::size_t more = std::min(static_cast<std::size_t>(count), room);
      std::copy_n(into, more, socket.heard_.data() + socket.heard_size_);
      socket.heard_size_ += more;
    }
    return static_cast<int>(count);
  }

  static long control(BIO* bio, int what, long /*number*/, void* /*pointer*/) noexcept {
    switch (what) {
      case BIO_CTRL_FLUSH: return 1;  // TlsSocket::flush() does it, once for all of a flight
      case BIO_CTRL_EOF: return socket_of(bio).ended_ ? 1 : 0;
      default: return 0;
    }
  }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "redlock socket");
      if (made == nullptr || BIO_meth_set_write(made, &write) != 1 || BIO_meth_set_read(made, &read) != 1 ||
          BIO_meth_set_ctrl(made, &control) != 1) {
        throw std::bad_alloc{};
      }
      return made;
    }();
    return method;
  }
};

bio_st* TlsSocket::make_bio() {
  BIO* bio = BIO_new(TlsSocketBio::method());
  if (bio == nullptr) throw std::bad_alloc{};
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

Progress TlsSocket::flush() {
  while (holds_back()) {
    const ssize_t count =
        ::send(socket_.get(), unsent_.data() + sent_, unsent_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent_ += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return {.state = Progress::State::WantWrite};
    } else if (errno != EINTR) {
      return {.state = Progress::State::Failed,
              .failure = {.kind = ConnectionFailure::Kind::Disconnected, .detail = errno_text(errno)}};
    }
  }
  unsent_.clear();
  sent_ = 0;
  return {.state = Progress::State::Done};
}

void TlsSocket::hear_rest() noexcept {
  const ssize_t count =
      ::recv(socket_.get(), heard_.data() + heard_size_, heard_.size() - heard_size_, MSG_DONTWAIT);
  if (count > 0) heard_size_ += static_cast<std::size_t>(count);
}

}  // namespace redlock::net

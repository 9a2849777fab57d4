#include "base/deleter.hpp"
#include "base/error.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"
#include "net/tls_context.hpp"
#include "net/tls_errors.hpp"
#include "net/tls_socket.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace redlock::net {
namespace {

using State = Progress::State;
using Kind = ConnectionFailure::Kind;

constexpr std::size_t kRecordSize = SSL3_RT_MAX_PLAIN_LENGTH;

// The text of a record before it is encrypted: AUTH is among it.
class Plaintext {
 public:
  explicit Plaintext(std::span<const iovec> from) {
    for (const iovec& part : from) {
      const std::size_t length = std::min(part.iov_len, bytes_.size() - size_);
      std::memcpy(bytes_.data() + size_, part.iov_base, length);
      size_ += length;
    }
  }
  Plaintext(const Plaintext&) = delete;
  Plaintext& operator=(const Plaintext&) = delete;
  ~Plaintext() { explicit_bzero(bytes_.data(), size_); }

  const char* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return size_; }

 private:
  std::array<char, kRecordSize> bytes_;
  std::size_t size_ = 0;
};

class TlsStream final : public Stream {
 public:
  TlsStream(const Endpoint& endpoint, UniqueFd socket)
      : context_{endpoint.tls},
        wanted_{endpoint.server_name.empty() ? endpoint.host : endpoint.server_name},
        socket_{std::move(socket)},
        ssl_{SSL_new(context_->get())} {
    if (!ssl_) throw std::bad_alloc{};
    BIO* const bio = socket_.make_bio();
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_connect_state(ssl_.get());
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_cert_cb(ssl_.get(), &TlsStream::on_certificate_request, this);
    expect_name();
  }

  // Says goodbye on a connection that is still good, but does not wait for room in the socket.
  ~TlsStream() override {
    if (socket_.fd() < 0 || !handshaken_ || broken_) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    static_cast<void>(socket_.flush());
  }

  int fd() const noexcept override { return socket_.fd(); }

  Progress handshake() override {
    prepare();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      handshaken_ = finished_waits_ = true;
      return {.state = State::Done};  // our last message leaves with the first request
    }
    const int error = SSL_get_error(ssl_.get(), result);
    Progress flushed = socket_.flush();  // an alert, too, that tells the node why we go
    if (error == SSL_ERROR_WANT_READ) {
      if (flushed.state == State::Done) return {.state = State::WantRead};
      if (flushed.state == State::WantWrite) return flushed;
    }
    Progress ended = end_of(error);
    if (ended.state == State::Failed) ended.failure.kind = Kind::TlsFailed;
    return ended;
  }

  Progress read(std::span<char> into) override {
    prepare();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
    if (result == 1) return {.state = State::Done, .bytes = count};
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ) return {.state = State::WantRead};
    return end_of(error);
  }

  // One record at a time, and the next one only when the kernel has taken the last: so no more than one is held back.
  Progress write(std::span<const iovec> from) override {
    if (!std::exchange(finished_waits_, false) || from.empty()) {
      Progress flushed = socket_.flush();
      if (flushed.state != State::Done || from.empty()) return flushed;
    }
    const Plaintext text{from};
    prepare();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), text.data(), text.size(), &count);
    if (result != 1) {
      const int error = SSL_get_error(ssl_.get(), result);
      return error == SSL_ERROR_WANT_READ ? Progress{.state = State::WantRead} : end_of(error);
    }
    Progress flushed = socket_.flush();
    return flushed.state == State::Failed ? flushed : Progress{.state = State::Done, .bytes = count};
  }

  bool holds_back() const noexcept override { return socket_.holds_back(); }

  bool heard() const noexcept override { return !socket_.heard().empty(); }

  bool buffered() const noexcept override { return SSL_has_pending(ssl_.get()) == 1; }

  void abandon() noexcept override {
    broken_ = true;
    socket_.abandon();
  }

  void keep_alive() noexcept override { net::keep_alive(socket_.fd()); }

 private:
  // OpenSSL tells what went wrong by what it finds in a queue of the thread.
  void prepare() noexcept {
    ERR_clear_error();
    socket_.allow_reads();
  }

  void expect_name() {
    std::string name = wanted_.substr(0, wanted_.find('%'));  // without the zone of an IPv6 address
    if (name.ends_with('.')) name.pop_back();
    std::array<unsigned char, sizeof(in6_addr)> address{};
    const bool is_address = inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
                            inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
    bool good = is_address || SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1;
    if (context_->verifies()) {
      SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, &TlsStream::on_verified);
      SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      good = good && (is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str())
                                 : SSL_set1_host(ssl_.get(), name.c_str())) == 1;
    }
    if (!good) throw std::bad_alloc{};
  }

  // Called by OpenSSL. Nothing may be thrown through it.

  static int on_certificate_request(SSL* /*ssl*/, void* stream) noexcept {
    static_cast<TlsStream*>(stream)->asked_for_ours_ = true;
    return 1;
  }

  // Once for each certificate of a chain that is good, and once where it is not.
  static int on_verified(int good, X509_STORE_CTX* verification) noexcept {
    if (good == 1) return good;
    const auto* const ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& stream = *static_cast<TlsStream*>(SSL_get_app_data(ssl));
    try {
      stream.not_trusted_ = why_not_trusted(*verification, stream.wanted_, stream.context_->unusable_cas());
    } catch (const std::bad_alloc&) {
      return good;  // OpenSSL has words of its own
    }
    return good;
  }

  // The meaning of an error other than waiting.
  Progress end_of(int error) {
    if (error == SSL_ERROR_ZERO_RETURN) return {.state = State::Ended};
    broken_ = true;
    if (error == SSL_ERROR_SYSCALL) {
      if (socket_.read_error() == 0) return {.state = State::Ended};
      return failed(errno_text(socket_.read_error()));
    }
    if (!not_trusted_.empty()) return failed(not_trusted_);
    socket_.hear_rest();
    return failed(why_tls_ended({.heard = socket_.heard(),
                                 .asked_for_ours = asked_for_ours_,
                                 .has_certificate = context_->has_certificate()}));
  }

  // Behind the handshake a request may have arrived in spite of what TLS says: with TLS 1.3 a node judges our certificate
  // when we have written already. Only Disconnected leaves that open.
  static Progress failed(std::string why) {
    return {.state = State::Failed, .failure = {.kind = Kind::Disconnected, .detail = std::move(why)}};
  }

  std::shared_ptr<const TlsContext> context_;
  std::string wanted_;  // whom the node's certificate must be for
  TlsSocket socket_;    // outlives ssl_, which refers to it
  std::unique_ptr<SSL, Deleter<SSL_free>> ssl_;
  bool handshaken_ = false;
  bool finished_waits_ = false;  // the last message of the handshake is held back for the first request
  bool broken_ = false;          // nothing may be said any more
  bool asked_for_ours_ = false;  // the node wants a certificate of ours
  std::string not_trusted_;      // why its certificate is not
};

}  // namespace

std::unique_ptr<Stream> make_tls_stream(const Endpoint& endpoint, UniqueFd socket) {
  return std::make_unique<TlsStream>(endpoint, std::move(socket));
}

}  // namespace redlock::net

#pragma once

#include "base/fd.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

struct bio_st;  // BIO of OpenSSL

namespace redlock::net {

// The socket below OpenSSL, for encrypted bytes. It takes all that OpenSSL writes. A record is therefore never half-way
// out, which would oblige us to write the same request again even if it is withdrawn; and the last message of the
// handshake leaves together with the first request. Unlike OpenSSL's own it raises no SIGPIPE.
class TlsSocket {
 public:
  explicit TlsSocket(UniqueFd socket) : socket_{std::move(socket)} {}
  TlsSocket(const TlsSocket&) = delete;
  TlsSocket& operator=(const TlsSocket&) = delete;

  int fd() const noexcept { return socket_.get(); }

  // A new BIO, which OpenSSL frees. Refers to this object.
  bio_st* make_bio();

  // Gives the kernel what it takes: Done, WantWrite or Failed.
  Progress flush();
  bool holds_back() const noexcept { return sent_ < unsent_.size(); }

  // To be called before each step of OpenSSL: how often a step may read, so that a node that never stops to talk does
  // not keep the others waiting.
  void allow_reads() noexcept { reads_left_ = kMostReads; }

  // The first bytes that came.
  std::string_view heard() const noexcept { return {heard_.data(), heard_size_}; }

  // Adds to heard() what OpenSSL has left in the socket: it may have read no more than the header of a record. Only for a
  // connection of no more use.
  void hear_rest() noexcept;

  // Why the last read failed: an errno value, or 0.
  int read_error() const noexcept { return read_error_; }

  void abandon() noexcept { close_at_once(socket_); }

 private:
  friend struct TlsSocketBio;

  static constexpr int kMostReads = 16;

  UniqueFd socket_;
  std::string unsent_;  // taken from OpenSSL
  std::size_t sent_ = 0;
  std::array<char, 16> heard_{};
  std::size_t heard_size_ = 0;
  int reads_left_ = kMostReads;
  int read_error_ = 0;
  bool ended_ = false;
};

}  // namespace redlock::net

#pragma once

#include "base/fd.hpp"
#include "net/connection_failure.hpp"
#include "net/endpoint.hpp"

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>

namespace redlock::net {

// How far a step on a stream came.
struct Progress {
  enum class State {
    Done,       // `bytes` were taken or given; the handshake is over
    WantRead,   // go on when the descriptor can be read, whatever was asked for
    WantWrite,  // go on when it can be written
    Ended,      // the peer has said its last byte
    Failed      // see `failure`
  };
  State state;
  std::size_t bytes = 0;
  ConnectionFailure failure{};  // Failed
};

// Bytes to and from a node over a connected, non-blocking socket. No call blocks. A stream may want to read
// in order to write and the other way round, as TLS does.
//
// Destruction is an ordinary close: what has been written still arrives.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  // The descriptor to poll.
  virtual int fd() const noexcept = 0;

  // To be called until Done, before any read or write. A failure has the kind TlsFailed.
  virtual Progress handshake() = 0;

  virtual Progress read(std::span<char> into) = 0;

  // May take less than all, and must keep nothing of the rest: the caller may withdraw it. With nothing to take it goes
  // on with the bytes that it holds back.
  virtual Progress write(std::span<const iovec> from) = 0;

  // Whether bytes that it has taken are not yet in the hands of the kernel. Only write() changes that.
  virtual bool holds_back() const noexcept = 0;

  // Whether the peer has said anything at all.
  virtual bool heard() const noexcept = 0;

  // Whether bytes are in hand that poll(2) knows nothing of.
  virtual bool buffered() const noexcept = 0;

  // Closes now and for good: bytes that have not arrived are dropped by the kernel and not sent again.
  virtual void abandon() noexcept = 0;

  // Has the kernel look after a connection on which nothing may be sent for long: see keep_alive().
  virtual void keep_alive() noexcept = 0;
};

// TCP and unix sockets.
std::unique_ptr<Stream> make_plain_stream(UniqueFd socket);

// Transport::Tls.
std::unique_ptr<Stream> make_tls_stream(const Endpoint& endpoint, UniqueFd socket);

}  // namespace redlock::net

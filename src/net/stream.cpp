#include "net/stream.hpp"

#include <utility>

namespace redlock::net {

std::unique_ptr<Stream> make_stream(const Endpoint& endpoint, UniqueFd socket) {
  return endpoint.transport == Endpoint::Transport::Tls ? make_tls_stream(endpoint, std::move(socket))
                                                        : make_plain_stream(std::move(socket));
}

}  // namespace redlock::net

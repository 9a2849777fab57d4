#pragma once

#include "net/connection_failure.hpp"
#include "net/connector.hpp"
#include "net/endpoint.hpp"
#include "net/resolver.hpp"

#include <variant>

namespace redlock::net {

// How a connection to the endpoint begins: a name is looked up first, a number is connected to.
std::variant<Lookup, Connector, ConnectionFailure> begin_dial(const Endpoint& endpoint);

// Has the kernel look after a connection on which nothing may be sent for long: a peer that has vanished is noticed
// within a minute.
void keep_alive(const Endpoint& endpoint, int fd) noexcept;

}  // namespace redlock::net

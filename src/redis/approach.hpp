#pragma once

#include "quorum/types.hpp"
#include "redis/connector.hpp"
#include "redis/endpoint.hpp"
#include "redis/resolver.hpp"

#include <variant>

namespace redlock::redis {

// How a connection to the endpoint begins: a name is looked up first, a number is connected to.
std::variant<Lookup, Connector, quorum::Failure> approach(const Endpoint& endpoint);

// Has the kernel look after a connection on which nothing may be sent for long: a peer that has vanished is noticed
// within a minute.
void keep_alive(const Endpoint& endpoint, int fd) noexcept;

}  // namespace redlock::redis

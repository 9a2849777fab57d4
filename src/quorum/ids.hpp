#pragma once

#include "quorum/types.hpp"

namespace redlock::quorum {

// Hands out request ids; one for all that share a set of connections. 0 is never one.
class RequestIds {
 public:
  RequestId next() { return ++last_; }

 private:
  RequestId last_ = 0;
};

}  // namespace redlock::quorum

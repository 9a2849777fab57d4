#pragma once

#include "quorum/types.hpp"

#include <string>
#include <vector>

namespace redlock::redis {

// A question beside the algorithm, which must change nothing that it rests on: a command that only reads, a script of
// such, or one about the queue.
struct Query {
  quorum::NodeIndex node;
  quorum::RequestId id;
  std::vector<std::string> words;
  TimePoint deadline;
};

}  // namespace redlock::redis

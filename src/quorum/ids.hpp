#pragma once

#include "quorum/types.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace redlock::quorum {

// Hands out request ids; one for all that share a set of connections. 0 is never one.
class RequestIds {
 public:
  RequestId next() { return ++last_; }

 private:
  RequestId last_ = 0;
};

// The requests of one operation that await a reply, at most one a node.
class OpenRequests {
 public:
  explicit OpenRequests(std::size_t nodes) : open_(nodes) {}

  // The same request to every node.
  std::vector<Send> begin_all(const Request& request, TimePoint deadline, RequestIds& ids) {
    std::vector<Send> sends;
    for (NodeIndex node = 0; node < open_.size(); ++node)
      sends.push_back({node, begin(node, ids), request, deadline});
    return sends;
  }
  // The id of a new request to `node`. A reply to the one before is ignored from now on.
  RequestId begin(NodeIndex node, RequestIds& ids) { return open_[node] = ids.next(); }
  // Whether a reply to this request is awaited; it is no longer.
  bool end(NodeIndex node, RequestId id) { return open_[node] == id && std::exchange(open_[node], 0) != 0; }
  bool awaits(NodeIndex node) const { return open_[node] != 0; }
  bool any() const {
    return std::any_of(open_.begin(), open_.end(), [](RequestId id) { return id != 0; });
  }

 private:
  std::vector<RequestId> open_;  // 0: none
};

}  // namespace redlock::quorum

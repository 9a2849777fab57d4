#pragma once

#include <string>

namespace redlock::lock {

// Hears about the nodes. Called on the thread that has the driver, which may have an extension to make: no call may block.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  // `node` as messages name it. Down: the first failure after an answer, or of all; `why` is for a person. Up: an
  // answer after a failure.
  virtual void node_down(const std::string& node, const std::string& why) = 0;
  virtual void node_up(const std::string& node) = 0;
};

}  // namespace redlock::lock

#pragma once

#include "base/clock.hpp"

#include <string>

namespace redlock::lock {

// Hears what happens to a lock and its nodes. Called on the thread that turns the session, which has an extension to
// make: no call may block.
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

  virtual void extended(TimePoint valid_until) = 0;
  // An attempt to extend failed, `in_a_row` with those before it, and is going to be repeated.
  virtual void extend_failed(unsigned in_a_row, TimePoint valid_until) = 0;
};

}  // namespace redlock::lock

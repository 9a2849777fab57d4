#pragma once

#include "clocks.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace redlock::sim {

// What happens when. Events of one instant happen in the order in which they were planned, so one seed is one
// history.
class EventQueue {
 public:
  using Action = std::function<void()>;

  Instant now() const { return now_; }
  std::uint64_t executed() const { return executed_; }

  // Runs `action` at `at`, or now when that has passed.
  void plan(Instant at, Action action) {
    heap_.push_back({std::max(at, now_), ++planned_, std::move(action)});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  // Runs the next event; false when there is none.
  bool step() {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Event event = std::move(heap_.back());
    heap_.pop_back();
    now_ = event.at;
    ++executed_;
    event.action();
    return true;
  }

 private:
  struct Event {
    Instant at;
    std::uint64_t order;
    Action action;
  };
  static bool later(const Event& a, const Event& b) {
    return std::pair{a.at, a.order} > std::pair{b.at, b.order};
  }

  std::vector<Event> heap_;
  Instant now_{};
  std::uint64_t planned_ = 0;
  std::uint64_t executed_ = 0;
};

}  // namespace redlock::sim

#pragma once

#include <exception>
#include <functional>
#include <memory>

namespace redlock::sim {

// A function on a stack of its own, which hands the processor back from wherever it is and goes on from there later. By
// makecontext(3): no package, and a switch costs a system call, which is a hundredth of what is done between two.
class Fiber {
 public:
  explicit Fiber(std::function<void()> body);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  // A fiber that has begun must have ended: what is on its stack would never be destroyed.
  ~Fiber();

  // Runs it until it suspends or ends. Rethrows what it throws.
  void resume();
  bool ended() const { return ended_; }

  // From within the fiber: returns when it is resumed.
  static void suspend();
  static Fiber* current();

 private:
  struct Context;
  static void enter();

  std::function<void()> body_;
  std::unique_ptr<Context> context_;
  std::exception_ptr thrown_;
  bool ended_ = false;
};

}  // namespace redlock::sim

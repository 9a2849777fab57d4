#include "whole/fiber.hpp"

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace redlock::sim {
namespace {

constexpr std::size_t kStackSize = std::size_t{512} << 10U;

// A stack below which nothing may be touched.
class Stack {
 public:
  Stack() : guard_{static_cast<std::size_t>(sysconf(_SC_PAGESIZE))} {
    base_ = mmap(nullptr, kStackSize + guard_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (base_ == MAP_FAILED || mprotect(base_, guard_, PROT_NONE) != 0) throw std::bad_alloc{};
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() { munmap(base_, kStackSize + guard_); }
  void* bottom() const { return static_cast<char*>(base_) + guard_; }

 private:
  std::size_t guard_;
  void* base_;
};

// Stacks of fibers that have ended are for the next: a schedule has a dozen, and a campaign 100,000.
std::vector<std::unique_ptr<Stack>>& spare_stacks() {
  static thread_local std::vector<std::unique_ptr<Stack>> stacks;
  return stacks;
}

std::unique_ptr<Stack> take_stack() {
  auto& spare = spare_stacks();
  if (spare.empty()) return std::make_unique<Stack>();
  auto stack = std::move(spare.back());
  spare.pop_back();
  return stack;
}

thread_local Fiber* running = nullptr;

}  // namespace

struct Fiber::Context {
  ucontext_t own{};
  ucontext_t caller{};
  std::unique_ptr<Stack> stack = take_stack();
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
  const void* caller_bottom = nullptr;
  std::size_t caller_size = 0;
#endif
#if defined(__SANITIZE_THREAD__)
  void* tsan_own = __tsan_create_fiber(0);
  void* tsan_caller = nullptr;
#endif

  void enter_fiber();
  void leave_fiber(bool for_good);
};

void Fiber::Context::enter_fiber() {
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, stack->bottom(), kStackSize);
#endif
#if defined(__SANITIZE_THREAD__)
  tsan_caller = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(tsan_own, 0);
#endif
  swapcontext(&caller, &own);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}

void Fiber::Context::leave_fiber([[maybe_unused]] bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack, caller_bottom, caller_size);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(tsan_caller, 0);
#endif
  swapcontext(&own, &caller);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, &caller_bottom, &caller_size);
#endif
}

Fiber::Fiber(std::function<void()> body) : body_{std::move(body)}, context_{std::make_unique<Context>()} {
  getcontext(&context_->own);
  context_->own.uc_stack.ss_sp = context_->stack->bottom();
  context_->own.uc_stack.ss_size = kStackSize;
  context_->own.uc_link = nullptr;
  makecontext(&context_->own, &Fiber::enter, 0);
}

Fiber::~Fiber() {
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(context_->tsan_own);
#endif
  spare_stacks().push_back(std::move(context_->stack));
}

void Fiber::enter() {
  Fiber* const self = running;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &self->context_->caller_bottom, &self->context_->caller_size);
#endif
  try {
    self->body_();
  } catch (...) {
    self->thrown_ = std::current_exception();
  }
  self->ended_ = true;
  self->context_->leave_fiber(true);
  std::abort();  // nobody resumes what has ended
}

void Fiber::resume() {
  if (ended_) return;
  Fiber* const before = std::exchange(running, this);
  context_->enter_fiber();
  running = before;
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void Fiber::suspend() {
  running->context_->leave_fiber(false);
}

Fiber* Fiber::current() {
  return running;
}

}  // namespace redlock::sim

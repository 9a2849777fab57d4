#include "process/leash.hpp"

#include "base/error.hpp"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace redlock::process {
namespace {

// Even a small tree needs some milliseconds to die.
constexpr Duration kLeastLead = std::chrono::milliseconds{10};

// The tree is measured this many margins before KILL, which is a quarter of the TTL: never while extensions succeed.
constexpr int kMeasureAhead = 5;

}  // namespace

Leash::Leash(TimePoint valid_until, Duration kill_after, Duration margin)
    : kill_after_{kill_after}, margin_{margin} {
  lost_event_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!lost_event_) throw SystemError{"cannot watch the lock", errno};
  void* page = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw SystemError{"cannot share memory with the guard", errno};
  shared_ = new (page) Shared{.valid_until = valid_until, .lead = std::max<Duration>(margin / 2, kLeastLead)};
}

Leash::~Leash() {
  munmap(shared_, sizeof(Shared));
}

void Leash::extend(TimePoint valid_until) noexcept {
  TimePoint current = shared_->valid_until;
  while (valid_until > current && !lost() && !stop_begun()) {
    if (shared_->valid_until.compare_exchange_weak(current, valid_until)) return;
  }
}

void Leash::lose(TimePoint now) noexcept {
  TimePoint expected = kNotLost;
  if (shared_->lost_at.compare_exchange_strong(expected, now)) eventfd_write(lost_event_.get(), 1);
}

TimePoint Leash::term_at() const noexcept {
  return lost() ? shared_->lost_at.load() : std::min(valid_until() - kill_after_, kill_at());
}

TimePoint Leash::kill_at() const noexcept {
  const TimePoint bound = valid_until() - margin_ - lead();
  return lost() ? std::min(bound, shared_->lost_at.load() + kill_after_) : bound;
}

TimePoint Leash::measure_at() const noexcept {
  return valid_until() - margin_ - lead() - kMeasureAhead * margin_;
}

Duration Leash::expired_for(TimePoint now) const noexcept {
  return std::max(now - valid_until(), Duration::zero());
}

void Leash::expect_kill_to_take(Duration duration) noexcept {
  shared_->lead = std::max({margin_ / 2, kLeastLead, duration});
}

void Leash::set_exec_failure(const ExecFailure& failure) noexcept {
  shared_->exec_failure = failure;
  shared_->exec_failed = true;
}

std::optional<ExecFailure> Leash::exec_failure() const noexcept {
  return shared_->exec_failed ? std::optional{shared_->exec_failure} : std::nullopt;
}

bool Leash::decide(Fate fate) noexcept {
  Fate open = Fate::Open;
  return shared_->fate.compare_exchange_strong(open, fate);
}

}  // namespace redlock::process

#include "process/leash.hpp"

#include "base/error.hpp"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace redlock::process {
namespace {

using Nanoseconds = std::int64_t;
static_assert(std::atomic<Nanoseconds>::is_always_lock_free);

enum class Fate : std::uint8_t { Open, OwnExit, Stopped };
static_assert(std::atomic<Fate>::is_always_lock_free);

constexpr Nanoseconds kNotLost = 0;

// Killing takes some milliseconds even where the margin is small and the tree, too: the time that the processes need to
// die.
constexpr Duration kLeastLead = std::chrono::milliseconds{10};

// The tree is measured this many margins before KILL: a quarter of the TTL, so never while extensions succeed.
constexpr int kMeasureAhead = 5;

Nanoseconds count(TimePoint at) {
  return at.time_since_epoch().count();
}
TimePoint time_point(Nanoseconds count) {
  return TimePoint{Duration{count}};
}

}  // namespace

struct Leash::Shared {
  std::atomic<Nanoseconds> valid_until;
  std::atomic<Nanoseconds> lost_at{kNotLost};
  std::atomic<Nanoseconds> lead;
  std::atomic<Fate> fate{Fate::Open};
  std::atomic<pid_t> command{0};
  std::atomic<pid_t> witness{0};
};

Leash::Leash(TimePoint valid_until, Duration kill_after, Duration margin)
    : kill_after_{kill_after}, margin_{margin} {
  lost_event_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!lost_event_) throw SystemError{"cannot watch the lock", errno};
  void* page = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw SystemError{"cannot share memory with the guard", errno};
  shared_ =
      new (page) Shared{.valid_until = count(valid_until), .lead = std::max(margin / 2, kLeastLead).count()};
}

Leash::~Leash() {
  munmap(shared_, sizeof(Shared));
}

void Leash::extend(TimePoint valid_until) noexcept {
  const Nanoseconds later = count(valid_until);
  Nanoseconds current = shared_->valid_until.load();
  while (later > current && !lost() && !stop_begun()) {
    if (shared_->valid_until.compare_exchange_weak(current, later)) return;
  }
}

void Leash::lose() noexcept {
  Nanoseconds expected = kNotLost;
  if (!shared_->lost_at.compare_exchange_strong(expected, count(BootClock::now()))) return;
  eventfd_write(lost_event_.get(), 1);
}

TimePoint Leash::valid_until() const noexcept {
  return time_point(shared_->valid_until.load());
}

TimePoint Leash::kill_at() const noexcept {
  const TimePoint bound = valid_until() - margin_ - lead();
  const Nanoseconds lost_at = shared_->lost_at.load();
  return lost_at == kNotLost ? bound : std::min(bound, time_point(lost_at) + kill_after_);
}

TimePoint Leash::measure_at() const noexcept {
  return valid_until() - margin_ - lead() - kMeasureAhead * margin_;
}

Duration Leash::lead() const noexcept {
  return Duration{shared_->lead.load()};
}

void Leash::expect_kill_to_take(Duration duration) noexcept {
  shared_->lead = std::max({margin_ / 2, kLeastLead, duration}).count();
}

void Leash::set_command(pid_t pid) noexcept {
  shared_->command = pid;
}

pid_t Leash::command() const noexcept {
  return shared_->command.load();
}

void Leash::set_witness(pid_t pid) noexcept {
  shared_->witness = pid;
}

pid_t Leash::witness() const noexcept {
  return shared_->witness.load();
}

TimePoint Leash::term_at() const noexcept {
  const Nanoseconds lost_at = shared_->lost_at.load();
  return lost_at == kNotLost ? std::min(valid_until() - kill_after_, kill_at()) : time_point(lost_at);
}

bool Leash::lost() const noexcept {
  return shared_->lost_at.load() != kNotLost;
}

Duration Leash::expired_for() const noexcept {
  return std::max(BootClock::now() - valid_until(), Duration::zero());
}

bool Leash::begin_stop() noexcept {
  Fate open = Fate::Open;
  return shared_->fate.compare_exchange_strong(open, Fate::Stopped);
}

bool Leash::claim_own_exit() noexcept {
  Fate open = Fate::Open;
  return shared_->fate.compare_exchange_strong(open, Fate::OwnExit);
}

bool Leash::stop_begun() const noexcept {
  return shared_->fate.load() == Fate::Stopped;
}

}  // namespace redlock::process

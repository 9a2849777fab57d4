#include "process/leash.hpp"

#include <doctest/doctest.h>

#include <poll.h>

#include <algorithm>
#include <chrono>

using namespace redlock;
using namespace std::chrono_literals;
using process::Leash;

namespace {

constexpr Duration kKillAfter = 5s;
constexpr Duration kMargin = 200ms;

bool is_readable(int fd) {
  pollfd event{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&event, 1, 0) == 1;
}

}  // namespace

TEST_CASE("TERM comes kill_after, and KILL one and a half margins, before the lease ends") {
  const TimePoint end = BootClock::now() + 30s;
  const Leash leash{end, kKillAfter, kMargin};
  CHECK(leash.term_at() == end - 5s);
  CHECK(leash.kill_at() == end - 300ms);
  CHECK(leash.lead() == 100ms);
  CHECK(leash.kill_at() + leash.lead() == end - kMargin);
}

TEST_CASE("TERM comes no later than KILL even where kill_after is shorter than the margin") {
  const TimePoint end = BootClock::now() + 30s;
  const Leash leash{end, 0ms, kMargin};
  CHECK(leash.term_at() == leash.kill_at());
}

TEST_CASE(
    "KILL comes as much earlier as killing the tree is expected to take, and never later than without") {
  const TimePoint end = BootClock::now() + 30s;
  Leash leash{end, 300ms, kMargin};
  leash.expect_kill_to_take(400ms);
  CHECK(leash.kill_at() == end - kMargin - 400ms);
  CHECK(leash.term_at() == leash.kill_at());
  leash.expect_kill_to_take(1us);
  CHECK(leash.kill_at() == end - kMargin - 100ms);
}

TEST_CASE("the tree is measured ahead of KILL, but not before two thirds of a lease have gone by") {
  const TimePoint start = BootClock::now();
  for (const Duration ttl : {Duration{200ms}, Duration{2s}, Duration{30s}}) {
    const Leash leash{start + ttl, 0ms, std::clamp<Duration>(ttl / 20, 10ms, 200ms)};
    CHECK(leash.measure_at() < leash.kill_at());
    CHECK(leash.measure_at() > start + ttl * 2 / 3 - 10ms);
  }
}

TEST_CASE("an extension moves the whole timeline, and an older one does not move it back") {
  const TimePoint start = BootClock::now();
  Leash leash{start + 30s, kKillAfter, kMargin};
  leash.extend(start + 40s);
  leash.extend(start + 35s);
  CHECK(leash.valid_until() == start + 40s);
  CHECK(leash.term_at() == start + 35s);
}

TEST_CASE("a lost lease is due at once, gives kill_after to the command, and cannot be extended") {
  const TimePoint start = BootClock::now();
  Leash leash{start + 30s, kKillAfter, kMargin};
  CHECK_FALSE(leash.lost());
  CHECK_FALSE(is_readable(leash.lost_event()));
  leash.lose(BootClock::now());
  CHECK(leash.lost());
  CHECK(is_readable(leash.lost_event()));
  CHECK(leash.term_at() <= BootClock::now());
  CHECK(leash.kill_at() == leash.term_at() + kKillAfter);
  leash.extend(start + 60s);
  CHECK(leash.valid_until() == start + 30s);
}

TEST_CASE("the validity left of a lost lease bounds the time between TERM and KILL") {
  const TimePoint end = BootClock::now() + 2s;
  Leash leash{end, kKillAfter, kMargin};
  leash.lose(BootClock::now());
  CHECK(leash.kill_at() == end - 300ms);
}

TEST_CASE("losing a lease twice does not give more time") {
  Leash leash{BootClock::now() + 30s, kKillAfter, kMargin};
  leash.lose(BootClock::now());
  const TimePoint due = leash.kill_at();
  leash.lose(BootClock::now());
  CHECK(leash.kill_at() == due);
}

TEST_CASE("only the first caller begins the stop, which freezes the deadline") {
  const TimePoint start = BootClock::now();
  Leash leash{start + 30s, kKillAfter, kMargin};
  CHECK(leash.begin_stop());
  CHECK_FALSE(leash.begin_stop());
  CHECK(leash.stop_begun());
  CHECK_FALSE(leash.claim_own_exit());
  leash.extend(start + 60s);
  CHECK(leash.valid_until() == start + 30s);
}

TEST_CASE("a command that ended by itself cannot be stopped any more") {
  Leash leash{BootClock::now() + 30s, kKillAfter, kMargin};
  CHECK(leash.claim_own_exit());
  CHECK_FALSE(leash.begin_stop());
  CHECK_FALSE(leash.stop_begun());
}

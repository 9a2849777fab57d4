#include "whole/lock_calls.hpp"

#include "lock/inspector.hpp"
#include "lock/keeper.hpp"
#include "lock/manual.hpp"
#include "lock/releaser.hpp"
#include "quorum/validity.hpp"

namespace redlock::sim {
namespace {

lock::DriverOptions driver_options(Program& program, const LockSettings& settings) {
  return {
      .surroundings = program.surroundings(),
      .nodes = settings.nodes,
      .subject = {.keys = settings.keys,
                  .holder = {.host = "host", .user = "user", .command = "command", .pid = 42, .since_us = 7},
                  .slots = settings.slots},
      .node_timeout = settings.node_timeout,
      .restart_quarantine = settings.quarantine};
}

}  // namespace

LockSettings LockSettings::of(quorum::Slot slot) const {
  LockSettings held = *this;
  if (slot > 0) held.keys = {redis::slot_name(keys.front(), slot)};
  held.slots = 0;
  return held;
}

LockRun::LockRun(Program& program, const LockSettings& settings)
    : program_{program}, settings_{settings}, driver_{driver_options(program, settings)}, acquirer_{driver_} {
}

quorum::AcquireVerdict LockRun::acquire(
    const Patience& patience, std::span<const int> wake_fds,
    const std::function<void(const quorum::AcquireVerdict&)>& on_waiting) {
  const net::Surroundings surroundings = program_.surroundings();
  const Now now = surroundings.clock.now();
  quorum::AcquireRules rules{.ttl = settings_.ttl,
                             .node_timeout = settings_.node_timeout,
                             .least_validity = settings_.lead + quorum::stop_margin(settings_.ttl),
                             .slots = settings_.slots};
  if (!patience.nonblock) rules.waiter = {.began_us = now.wall_us, .number = surroundings.entropy.next()};
  const lock::WaitPolicy policy{.nonblock = patience.nonblock,
                                .until = now.boot + patience.wait,
                                .retry_delay = patience.retry_delay,
                                .retry_count = std::nullopt};
  return acquirer_.acquire(rules, policy, wake_fds, on_waiting);
}

std::optional<quorum::Loss> LockRun::keep(const quorum::Won& won, std::span<const int> wake_fds,
                                          const std::function<void(TimePoint)>& extended) {
  return lock::keep(
      driver_, {.ttl = settings_.ttl, .node_timeout = settings_.common_node_timeout, .lead = settings_.lead},
      won, wake_fds,
      {.extended = extended,
       .extend_failed = [](unsigned, TimePoint) {},
       .lost = [](const quorum::Loss&) {}});
}

void LockRun::release(const quorum::Won& won, std::optional<quorum::Rest> rest) {
  lock::Releaser releaser{driver_, {.token = won.token, .slot = won.slot}};
  releaser.leave_behind(rest, settings_.ttl);
  releaser.finish();
}

quorum::ExtendVerdict extend_by_hand(Program& program, const LockSettings& settings,
                                     const quorum::Token& token, std::chrono::milliseconds ttl) {
  lock::Driver driver{driver_options(program, settings)};
  return lock::extend_by_hand(driver, token, ttl).verdict;
}

quorum::ReleaseResult release_by_hand(Program& program, const LockSettings& settings,
                                      const quorum::Token& token) {
  lock::Driver driver{driver_options(program, settings)};
  return lock::release_by_hand(driver, {.token = token, .note = settings.ttl}).result;
}

quorum::ReleaseResult break_lock(Program& program, const LockSettings& settings, const quorum::Token& token) {
  lock::Inspector inspector{driver_options(program, settings)};
  inspector.probe(settings.keys);
  return lock::release_by_hand(inspector.driver(), {.token = token, .note = settings.ttl, .breaks = true})
      .result;
}

void look(Program& program, const LockSettings& settings) {
  lock::Inspector inspector{driver_options(program, settings)};
  inspector.probe(settings.keys);
}

}  // namespace redlock::sim

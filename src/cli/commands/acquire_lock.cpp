#include "cli/commands/acquire_lock.hpp"

#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/commands/eval_refusal.hpp"
#include "cli/messages.hpp"
#include "cli/outer_locks.hpp"
#include "cli/surroundings.hpp"
#include "cli/terminal/wait_notice.hpp"
#include "process/descriptors.hpp"
#include "process/privacy.hpp"
#include "quorum/validity.hpp"
#include "redis/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace redlock::cli {
namespace {

// The time to start the command, between the grant and SIGTERM.
constexpr Duration kStartMargin = std::chrono::milliseconds{10};

// The descriptors that are opened beside the connections, of which each node may need two, before the lock is won or while it is held.
constexpr std::size_t kOtherDescriptors = 10;

// The refusals by a holder that waits for the end of this process.
lock::IsHolder is_around_us(const OuterLocks& outer) {
  if (!outer.any()) return {};
  return [&](const quorum::Refused& refused) { return outer.include(refused.holder, refused.info); };
}

}  // namespace

void keep_passwords_private(const config::Settings& settings) {
  const auto has_password = [](const redis::NodeEndpoint& node) { return !node.password.empty(); };
  if (std::any_of(settings.nodes.begin(), settings.nodes.end(), has_password)) process::make_private();
}

lock::Driver open_driver(const LockNames& lock, quorum::HolderInfo holder, LockEvents* events) {
  const config::Settings& settings = lock.settings;
  keep_passwords_private(settings);
  holder.note = settings.note;
  if (lock.names.size() > 1) holder.names = lock.names;
  return lock::Driver{{.surroundings = surroundings(),
                       .nodes = settings.nodes,
                       .subject = {.keys = lock.keys, .holder = std::move(holder), .slots = settings.slots},
                       .node_timeout = settings.node_timeout,
                       .restart_quarantine = settings.restart_quarantine,
                       .observer = events}};
}

Duration least_validity_of_holder(const config::Settings& settings) {
  return settings.kill_after + quorum::stop_margin(settings.ttl) + kStartMargin;
}

quorum::AcquireVerdict acquire_lock(const Arguments& arguments, const config::Settings& settings,
                                    Duration least_validity, lock::Driver& driver, lock::Acquirer& acquirer,
                                    process::SignalFd& signals, LockEvents& events) {
  quorum::AcquireRules rules{.ttl = settings.ttl,
                             .node_timeout = settings.node_timeout,
                             .least_validity = least_validity,
                             .slots = settings.slots};
  if (!arguments.nonblock)
    rules.waiter = {.began_us = read_clocks().wall_us, .number = driver.entropy().next()};
  process::require_descriptors(2 * driver.size() + kOtherDescriptors);
  const TimePoint began = BootClock::now();
  WaitNotice notice{arguments.names, acquirer};
  const OuterLocks outer;
  const lock::WaitPolicy policy{.nonblock = arguments.nonblock,
                                .until = settings.wait ? began + *settings.wait : TimePoint::max(),
                                .quorum_wait = settings.quorum_wait,
                                .retry_delay = settings.retry_delay,
                                .retry_count = settings.retry_count,
                                .in_vain = is_around_us(outer)};
  const int wake_fds[] = {signals.fd()};
  std::optional<KindOfWait> last_kind;
  const auto on_waiting = [&](const quorum::AcquireVerdict& verdict) {
    notice.waiting(verdict);
    if (std::exchange(last_kind, kind_of_wait(verdict)) != kind_of_wait(verdict)) events.waiting(verdict);
  };
  for (;;) {
    quorum::AcquireVerdict verdict = acquirer.acquire(rules, policy, wake_fds, on_waiting);
    if (std::holds_alternative<quorum::Cancelled>(verdict)) {
      notice.clear();
      if (const auto fatal = process::take_fatal_signal(signals)) {
        events.gave_up(verdict);
        events.flush();
        if (arguments.format == GrantFormat::Shell) refuse_eval(exit_status::kSignalBase + *fatal);
        signals.die_of(*fatal);
      }
      continue;
    }
    if (const auto* won = std::get_if<quorum::Won>(&verdict)) {
      notice.granted();
      events.acquired(*won, driver.size(), settings.note);
      log::debug(fmt::format("{} acquired with {} of {} votes in {}, fence {}, valid for {}",
                             describe_lock(with_name_of_slot(arguments, *won).names), won->voters.size(),
                             driver.size(), human_duration(BootClock::now() - began), won->fence,
                             human_duration(won->valid_until - BootClock::now())));
    } else {
      events.gave_up(verdict);
    }
    return verdict;
  }
}

Arguments with_name_of_slot(const Arguments& arguments, const quorum::Won& won) {
  Arguments holders = arguments;
  if (won.slot > 0) holders.names = {redis::slot_name(arguments.names.front(), won.slot)};
  return holders;
}

LockNames with_name_of_slot(const LockNames& lock, const quorum::Won& won) {
  LockNames held = lock;
  if (won.slot == 0) return held;
  held.names = {redis::slot_name(lock.names.front(), won.slot)};
  held.keys = {redis::slot_name(lock.keys.front(), won.slot)};
  held.slots = {0};
  return held;
}

void refuse_same_server(const config::Settings& settings, const quorum::SameServer& same) {
  if (same.first == same.second) {
    throw ConfigError{
        fmt::format("node {} is the same server as another of the nodes: name each server once. Permit INFO "
                    "and ROLE to redlock's "
                    "user, and redlock names both",
                    settings.nodes[same.first].display())};
  }
  throw ConfigError{fmt::format("nodes {} and {} are one and the same server: name each server once",
                                settings.nodes[same.first].display(), settings.nodes[same.second].display())};
}

int refuse(const Arguments& arguments, const config::Settings& settings, const lock::Acquirer& acquirer,
           const quorum::AcquireVerdict& verdict) {
  if (const auto* same = std::get_if<quorum::SameServer>(&verdict)) refuse_same_server(settings, *same);
  const OuterLocks outer;
  if (const quorum::Refused* const own = acquirer.find_refusal(is_around_us(outer), settings.slots)) {
    const bool helps = !arguments.command.empty() && outer.are_leashed(own->holder, own->info);
    log::notice(explain_nesting(arguments.names[std::min(own->name, arguments.names.size() - 1)], own->info,
                                settings.slots, helps && !settings.reentrant));
    return static_cast<int>(arguments.conflict_exit_code);
  }
  const auto lines =
      explain_refusal(arguments.names, verdict, acquirer.troubles(), acquirer.size(), acquirer.holders());
  const bool conflict =
      std::holds_alternative<quorum::Held>(verdict) || std::holds_alternative<quorum::Split>(verdict);
  for (const std::string& line : lines) conflict ? log::notice(line) : log::error(line);
  return conflict ? static_cast<int>(arguments.conflict_exit_code) : exit_status::kNoQuorum;
}

}  // namespace redlock::cli

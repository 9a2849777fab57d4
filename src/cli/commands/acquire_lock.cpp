#include "cli/commands/acquire_lock.hpp"

#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/commands/eval_refusal.hpp"
#include "cli/messages.hpp"
#include "cli/surroundings.hpp"
#include "cli/terminal/wait_notice.hpp"
#include "process/fatal_signal.hpp"
#include "process/privacy.hpp"
#include "quorum/validity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace redlock::cli {
namespace {

// The time to start the command, between the grant and SIGTERM.
constexpr Duration kStartMargin = std::chrono::milliseconds{10};

}  // namespace

lock::Driver open_driver(const std::string& name, const config::Settings& settings,
                         const quorum::HolderInfo& holder, LockEvents* events) {
  const auto has_password = [](const redis::NodeEndpoint& node) { return !node.password.empty(); };
  if (std::any_of(settings.nodes.begin(), settings.nodes.end(), has_password)) process::make_private();
  return lock::Driver{{.surroundings = surroundings(),
                       .nodes = settings.nodes,
                       .subject = {.key = settings.key_prefix + name, .holder = holder},
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
  quorum::AcquireRules rules{
      .ttl = settings.ttl, .node_timeout = settings.node_timeout, .least_validity = least_validity};
  if (!arguments.nonblock)
    rules.waiter = {.began_us = read_clocks().wall_us, .number = driver.entropy().next()};
  const TimePoint began = BootClock::now();
  WaitNotice notice{arguments.name, acquirer};
  const lock::WaitPolicy policy{.nonblock = arguments.nonblock,
                                .until = settings.wait ? began + *settings.wait : TimePoint::max(),
                                .retry_delay = settings.retry_delay,
                                .retry_count = settings.retry_count};
  const int wake_fds[] = {signals.fd()};
  std::size_t last_kind = std::variant_npos;
  const auto on_waiting = [&](const quorum::AcquireVerdict& verdict) {
    notice.waiting(verdict);
    if (std::exchange(last_kind, verdict.index()) != verdict.index()) events.waiting(verdict);
  };
  for (;;) {
    quorum::AcquireVerdict verdict = acquirer.acquire(rules, policy, wake_fds, on_waiting);
    if (std::holds_alternative<quorum::Cancelled>(verdict)) {
      notice.clear();
      if (const auto fatal = process::take_fatal_signal(signals)) {
        events.flush();
        if (arguments.format == GrantFormat::Shell) refuse_eval(exit_status::kSignalBase + *fatal);
        signals.die_of(*fatal);
      }
      continue;
    }
    if (const auto* won = std::get_if<quorum::Won>(&verdict)) {
      notice.granted();
      events.acquired(*won, driver.size());
      log::debug(fmt::format("lock {} acquired with {} of {} votes in {}, fence {}, valid for {}",
                             quoted(arguments.name), won->voters.size(), driver.size(),
                             human_duration(BootClock::now() - began), won->fence,
                             human_duration(won->valid_until - BootClock::now())));
    }
    return verdict;
  }
}

void refuse_same_server(const config::Settings& settings, const quorum::SameServer& same) {
  throw ConfigError{fmt::format("nodes {} and {} are one and the same server: name each server once",
                                settings.nodes[same.first].display(), settings.nodes[same.second].display())};
}

int refuse(const Arguments& arguments, const config::Settings& settings, const lock::Acquirer& acquirer,
           const quorum::AcquireVerdict& verdict) {
  if (const auto* same = std::get_if<quorum::SameServer>(&verdict)) refuse_same_server(settings, *same);
  const auto lines = explain_refusal(arguments.name, verdict, acquirer.troubles(), acquirer.size());
  const bool conflict =
      std::holds_alternative<quorum::Held>(verdict) || std::holds_alternative<quorum::Split>(verdict);
  for (const std::string& line : lines) conflict ? log::notice(line) : log::error(line);
  return conflict ? static_cast<int>(arguments.conflict_exit_code) : exit_status::kNoQuorum;
}

}  // namespace redlock::cli

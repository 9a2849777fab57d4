#include "cli/commands/reentrant.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/commands/acquire_lock.hpp"
#include "cli/messages.hpp"
#include "cli/outer_locks.hpp"
#include "cli/surroundings.hpp"
#include "lock/acquirer.hpp"
#include "lock/report.hpp"
#include "process/nested_mark.hpp"
#include "process/plain_command.hpp"
#include "redis/node_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace redlock::cli {
namespace {

using lock::LockState;
using Views = std::vector<StatusView>;

// The lease under which the command may run.
struct OuterLease {
  quorum::Token token;
  std::string fence;  // empty: as the environment says
  std::vector<std::string> names;
  quorum::Slot slot;
  quorum::HolderInfo info;
};
struct Unrelated {};
using Reentry =
    std::variant<OuterLease, Unrelated, int>;  // the last: an exit status, which has been explained

class Reentering {
 public:
  Reentering(const Arguments& arguments, const LockNames& lock, const OuterLocks& outer)
      : arguments_{arguments}, lock_{lock}, outer_{outer}, ids_{lock_ids(lock)} {}

  // Asks until a quorum answers, or the user wants to wait no longer for one. `signals` may end this process.
  Reentry decide(lock::Inspector& inspector, process::SignalFd& signals, LockEvents& events) const {
    const TimePoint began = inspector.driver().now().boot;
    const int wake_fds[] = {signals.fd()};
    const auto die_if_told = [&] {
      if (const auto fatal = process::take_fatal_signal(signals)) {
        events.flush();
        signals.die_of(*fatal);
      }
    };
    for (;;) {
      const auto views = inspect_locks(inspector, lock_, wake_fds);
      if (!views) {
        die_if_told();
        continue;
      }
      if (!is_undecided(*views)) return judge(*views);
      if (give_up_at(began, inspector) <= inspector.driver().now().boot)
        return explain_no_quorum(*views, inspector);
      const TimePoint again = inspector.driver().now().boot + lock_.settings.retry_delay;
      while (inspector.driver().now().boot < again) {
        if (inspector.driver().turn(again, wake_fds)) die_if_told();
      }
    }
  }

 private:
  // A run around this one has taken the lock, and whether it still has it is not known.
  bool is_undecided(const Views& views) const {
    return granted_run() != nullptr && std::any_of(views.begin(), views.end(), [](const StatusView& view) {
             return view.status.state == LockState::Unknown;
           });
  }

  TimePoint give_up_at(TimePoint began, lock::Inspector& inspector) const {
    if (arguments_.nonblock) return began;
    const Duration quarantine = inspector.membership().quarantine(began);
    return began + lock_.settings.quorum_wait.value_or(lock::default_quorum_wait(quarantine));
  }

  const OuterRun* granted_run() const {
    for (const std::string& id : ids_) {
      if (const OuterRun* run = outer_.run_granted(id)) return run;
    }
    return nullptr;
  }

  Reentry judge(const Views& views) const {
    const auto is_outer = [&](const StatusView& view) {
      const lock::Contender* holder = view.status.holder();
      return holder != nullptr && !holder->info.resting && outer_.include(holder->token, holder->info);
    };
    const auto held = std::find_if(views.begin(), views.end(), is_outer);
    if (held == views.end()) return judge_absent();
    const lock::Contender& holder = *held->status.holder();
    const auto other = std::find_if(views.begin(), views.end(), [&](const StatusView& view) {
      if (view.slot > 0) return false;  // one of them is enough
      return view.status.holder() == nullptr || view.status.holder()->token != holder.token;
    });
    if (other != views.end()) {
      log::notice(
          fmt::format("lock {} is held around this process, and lock {} is not by the same run: take {} in a "
                      "run of its own",
                      quoted(held->name), quoted(other->name), quoted(other->name)));
      return static_cast<int>(arguments_.conflict_exit_code);
    }
    if (!outer_.are_leashed(holder.token, holder.info)) {
      log::notice(explain_nesting(held->name, holder.info, 0, false) +
                  ". It is not held by a run that would stop the command in time, so --reentrant is no help");
      return static_cast<int>(arguments_.conflict_exit_code);
    }
    const OuterRun* const run = outer_.run_with(holder.token);
    std::string fence = holder.fence == 0 ? "" : std::to_string(holder.fence);
    if (run != nullptr) fence = run->fence;
    return OuterLease{.token = holder.token,
                      .fence = std::move(fence),
                      .names = held->slot > 0 ? std::vector{held->name} : lock_.names,
                      .slot = held->slot,
                      .info = holder.info};
  }

  Reentry judge_absent() const {
    const OuterRun* const run = granted_run();
    if (run == nullptr) return Unrelated{};
    log::error(
        fmt::format("{} lost by the run around this process (pid {}): no quorum of nodes says any more that "
                    "it holds it: the "
                    "command was not run",
                    describe_lock(lock_.names, "was"), run->pid));
    return exit_status::kLost;
  }

  Reentry explain_no_quorum(const Views& views, const lock::Inspector& inspector) const {
    const auto unknown = std::find_if(views.begin(), views.end(), [](const StatusView& view) {
      return view.status.state == LockState::Unknown;
    });
    log::error(summarize(unknown->name, unknown->status, inspector.membership(), read_clocks().wall_us) +
               ": cannot tell whether the run around this process still has it");
    for (quorum::NodeIndex node = 0; node < inspector.size(); ++node) {
      const lock::Observation& observation = unknown->observations[node];
      const redis::NodeEndpoint& endpoint = inspector.endpoint(node);
      const std::string why =
          observation.failure() != nullptr
              ? redis::describe(*observation.failure(), endpoint)
              : lock::describe_eligibility(node, observation.sent, inspector.membership());
      if (!why.empty()) log::error(fmt::format("  {}: {}", endpoint.display(), why));
    }
    return exit_status::kNoQuorum;
  }

  const Arguments& arguments_;
  const LockNames& lock_;
  const OuterLocks& outer_;
  std::vector<std::string> ids_;
};

// The guard of the outer run ends this process and the command with its own command, when its lease ends.
int run_under(const OuterLease& lease, const Arguments& arguments, const LockNames& lock,
              process::SignalFd& signals, LockEvents& events) {
  process::Environment environment{{"REDLOCK_NAME", one_a_line(lease.names)},
                                   {"REDLOCK_TOKEN", lease.token.value},
                                   {"REDLOCK_SLOT", std::nullopt}};
  if (lease.slot > 0) environment.back().second = std::to_string(lease.slot);
  if (!lease.fence.empty()) environment.emplace_back("REDLOCK_FENCE", lease.fence);
  for (const config::Concealed& each : lock.settings.concealed)
    environment.emplace_back(each.variable, each.shown);
  const process::PlainResult result =
      process::run_plain_command(arguments.command, environment, signals, surroundings().clock);
  if (result.terminal_signal) {
    events.flush();
    signals.die_of(*result.terminal_signal);
  }
  if (const std::string message = process::message_of(result.exit_reason); !message.empty())
    log::error(message);
  return process::exit_status_of(result.exit_reason);
}

}  // namespace

std::optional<int> run_under_outer_lease(const Arguments& arguments, const LockNames& lock,
                                         process::SignalFd& signals, LockEvents& events) {
  const process::NestedMark mark;  // before the outer run is looked for
  const OuterLocks outer;
  if (!outer.any()) return std::nullopt;
  keep_passwords_private(lock.settings);
  Reentry reentry = Unrelated{};
  {
    lock::Inspector inspector =
        open_inspector(lock.settings);  // its connections end before the command starts
    reentry = Reentering{arguments, lock, outer}.decide(inspector, signals, events);
  }
  if (const int* const status = std::get_if<int>(&reentry)) return *status;
  const auto* const lease = std::get_if<OuterLease>(&reentry);
  if (lease == nullptr) return std::nullopt;
  log::debug(fmt::format("{} held by {}: the command runs under that lock", describe_lock(lock.names, "is"),
                         lock::describe_holder(lease->info, read_clocks().wall_us)));
  events.nested(lease->info, lease->fence);
  return run_under(*lease, arguments, lock, signals, events);
}

}  // namespace redlock::cli

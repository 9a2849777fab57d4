#include "process/supervisor.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "process/cancellation.hpp"
#include "process/descriptors.hpp"
#include "process/guard_link.hpp"
#include "process/proc_stat.hpp"
#include "process/signal_forwarder.hpp"
#include "process/tree.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

namespace redlock::process {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// A command that has run for this long, or for this part of the time until TERM, is expected to go on for a while.
constexpr Duration kShortRun = 10ms;
constexpr int kShortRunPart = 8;

class Supervisor final : private Tree::StuckListener {
 public:
  Supervisor(const Supervision& with, OwnedChild guard) noexcept
      : with_{with},
        guard_{std::move(guard), with.channel, with.context.clock},
        tree_{with.context.clock, std::move(with.lists), with.foreign_children},
        forwarder_{with.context, with.channel, with.foreground} {}
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() {
    if (guard_) kill_everything();
  }

  CommandResult watch() {
    long_run_at_ = now() + std::min(kShortRun, (leash().term_at() - now()) / kShortRunPart);
    on_child_event();
    take_signals();  // from before the fork: even those of a terminal may have reached redlock alone
    forwarder_.on_command_started();
    while (!exit_reason_) {
      wait();
      take_signals();
      take_messages();
      if (!exit_reason_ && guard_.is_silent()) replace_guard();
      if (!exit_reason_) keep_the_deadline();
      if (!exit_reason_ && long_run_at_ && now() >= *long_run_at_) begin_long_run();
    }
    with_.foreground.reclaim();
    return {.exit_reason = *exit_reason_,
            .lease_lost = std::holds_alternative<Stopped>(*exit_reason_) || lease_is_over(),
            .terminal_signal = forwarder_.terminal_signal_that_killed(*exit_reason_),
            .guard = guard_.take()};
  }

 private:
  Leash& leash() const noexcept { return with_.context.leash; }
  TimePoint now() const noexcept { return with_.context.clock.boot_now(); }
  bool lease_is_over() const noexcept { return leash().lost() || now() >= leash().valid_until(); }

  void wait() noexcept {
    const bool lost = leash().lost();  // read before the deadline, which accounts for it
    with_.timer.set(next_deadline());
    pollfd events[] = {
        {.fd = with_.context.signals.fd(), .events = POLLIN, .revents = 0},
        {.fd = with_.channel.fd(), .events = POLLIN, .revents = 0},
        {.fd = with_.timer.fd(), .events = POLLIN, .revents = 0},
        {.fd = lost ? -1 : leash().lost_event(), .events = POLLIN, .revents = 0},
    };
    poll(events, std::size(events), -1);
  }

  std::optional<TimePoint> next_deadline() const noexcept {
    if (long_run_at_) return long_run_at_;  // comes before TERM
    const auto due = deadline_of_lease();
    const auto answer_due = guard_.answer_due();
    return due && answer_due ? std::min(*due, *answer_due) : (due ? due : answer_due);
  }

  // The guard acts first; redlock follows `lead` later.
  std::optional<TimePoint> deadline_of_lease() const noexcept {
    const bool stop_when_lost = with_.spec.stop_when_lost;
    if (leash().stop_begun() || (own_exit_ && stop_when_lost)) return leash().kill_at() + leash().lead();
    if (stop_when_lost) return leash().term_at() + leash().lead();
    if (loss_told_) return std::nullopt;
    return leash().lost() ? leash().term_at() : leash().valid_until();
  }

  void take_signals() noexcept {
    while (const auto info = with_.context.signals.take()) {
      const int signal = static_cast<int>(info->ssi_signo);
      if (signal == SIGCHLD) {
        on_child_event();
        continue;
      }
      forwarder_.on_signal(*info);
      if (asks_to_end(signal)) guard_.ping(std::max(leash().kill_after(), kTimeToAnswer));
    }
  }

  void on_child_event() noexcept {
    reap_others();
    guard_.continue_if_stopped();
  }

  // Children that redlock had before the command, or receives as process 1, and the witness.
  void reap_others() noexcept {
    bool reaped = false;
    for (;;) {
      siginfo_t child{};
      if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) != 0) break;
      if (child.si_pid == 0 || child.si_pid == guard_.pid()) break;
      if (child.si_pid == forwarder_.witness()) {
        leash().set_witness(0);
        forwarder_.end_witness();
      } else {
        reaped = waitpid(child.si_pid, nullptr, WNOHANG) > 0;
      }
    }
    if (reaped) tree_.drop_reaped();
  }

  // Work that a command which ends at once is spared.
  void begin_long_run() {
    long_run_at_.reset();
    close_inherited_descriptors();
    const bool at_terminal = with_.foreground.has_terminal();
    forwarder_.start_witness(at_terminal ? guard_.pid() : 0);  // forks, so it comes before the keeper thread
    if (at_terminal) leash().set_witness(forwarder_.witness());
    with_.hooks.long_run();
  }

  void take_messages() {
    Message message{};
    while (!exit_reason_) {
      switch (with_.channel.receive(message)) {
        case Receipt::Nothing: return;
        case Receipt::Closed: replace_guard(); return;
        case Receipt::Got: handle(message); break;
      }
    }
  }

  void handle(const Message& message) {
    switch (message.kind) {
      case MessageKind::Pong: guard_.on_pong(); return;
      case MessageKind::Stuck: is_stuck(message.pid, message.detail != 0); return;
      case MessageKind::Refused: forwarder_.on_refused(message); return;
      case MessageKind::JobStopped: forwarder_.stop_with_job(message); return;
      case MessageKind::Exited:
      case MessageKind::Signalled: take_own_exit(reason_of(message), message.detail != 0); return;
      default: conclude(reason_of(message));
    }
  }

  // The command has ended, and not by the deadline. The lock is kept as long as anything of a cancelled command is left: the
  // next holder would work beside it; and so would it beside a nested run that is left.
  void take_own_exit(const ExitReason& reason, bool leaves_nested_run) {
    take_signals();  // a terminal's signal, of which the command may have died, arrives before the guard's report
    own_exit_ = reason;
    const auto signal = forwarder_.signal_that_cancelled(reason);
    forwarder_.on_command_ended();
    cancelled_ = signal.has_value();
    if (signal) {
      with_.channel.send({.kind = MessageKind::EndDescendants, .value = *signal});
    } else if (with_.spec.until_all_ended || leaves_nested_run) {
      with_.channel.send({.kind = MessageKind::AwaitDescendants});
    } else {
      conclude(reason);
    }
  }

  void conclude(ExitReason reason) {
    exit_reason_ = std::move(reason);
    with_.hooks.ended(*exit_reason_);
    with_.channel.send({.kind = MessageKind::Dismiss});
  }

  ExitReason reason_of(const Message& report) const {
    if (const auto failure = leash().exec_failure()) return with_.plan.explain(*failure);
    switch (report.kind) {
      case MessageKind::Exited: return Exited{report.value};
      case MessageKind::Signalled: return Signalled{report.value};
      case MessageKind::Stopped: return Stopped{report.value, milliseconds{report.late_ms}};
      case MessageKind::DescendantsEnded: return reason_after_descendants(report);
      case MessageKind::ForkRefused: return fork_refused(report.value);
      case MessageKind::ListsRefused: return lists_refused(report.value);
      default: return NotStarted{exit_status::kInternal, "the guard sent an unknown message"};
    }
  }

  // Descendants that redlock waited for count as the command does: if the deadline stopped them, it stopped the command.
  ExitReason reason_after_descendants(const Message& report) const {
    const bool stopped = report.detail != 0;
    if (stopped && !cancelled_) return Stopped{report.value, milliseconds{report.late_ms}};
    if (report.value > 0) log::warning(survivors_message(report.value));
    return *own_exit_;
  }

  void keep_the_deadline() {
    if (!with_.spec.stop_when_lost && !loss_told_ && lease_is_over()) {
      loss_told_ = true;
      log::error(
          "the lock was lost: the command runs on without it (--on-lost=warn), and another host may run it "
          "too");
    }
    if (!with_.spec.stop_when_lost && !leash().stop_begun()) return;
    const TimePoint kill_at = leash().kill_at() + leash().lead();
    if (now() >= kill_at) {
      leash().begin_stop();
      replace_guard();
    } else if (!own_exit_ && now() >= leash().term_at() + leash().lead() && leash().begin_stop()) {
      tree_.signal_all({SIGTERM, SIGCONT}, kill_at, guard_.pid());
    }
  }

  // The guard died, or did not act in time. Its reports from before count.
  void replace_guard() {
    const int survivors = kill_everything();
    Message message{};
    while (with_.channel.receive(message) == Receipt::Got) {
      switch (message.kind) {
        case MessageKind::Pong:
        case MessageKind::Stuck:
        case MessageKind::Refused:
        case MessageKind::JobStopped: break;
        default: exit_reason_ = reason_of(message);
      }
    }
    if (exit_reason_) return;
    if (own_exit_ && cancelled_) {
      exit_reason_ = reason_after_descendants({.kind = MessageKind::DescendantsEnded, .value = survivors});
    } else if (leash().stop_begun() || (own_exit_ && lease_is_over())) {
      exit_reason_ = Stopped{survivors, duration_cast<milliseconds>(leash().expired_for(now()))};
    } else {
      exit_reason_ = GuardDied{survivors};
    }
  }

  // The command dies with the guard (PR_SET_PDEATHSIG), and everything below them moves up to this process. The list of
  // children is in the order of their arrival, so children ahead of the command are foreign.
  int kill_everything() noexcept {
    forwarder_.end_witness();
    const pid_t guard = guard_.pid();
    const bool reaped = guard_.end();
    const pid_t command = leash().command();
    if (command > 0) tree_.exclude_older_than(command);
    if (!reaped) tree_.exclude(guard);
    return tree_.kill_all(leash().valid_until(), *this);
  }

  // Says it once, although guard and redlock may both find the same process.
  void is_stuck(pid_t pid, bool refused) noexcept override {
    if (std::exchange(stuck_told_, true)) return;
    try {
      const std::string which = pid > 0 ? fmt::format("process {} ({})", pid, quoted(process_name(pid)))
                                        : "a process of the command";
      log::warning(stuck_message(which, refused));
    } catch (const std::exception&) {  // out of memory: redlock waits without the message
    }
  }

  const Supervision& with_;
  GuardLink guard_;
  Tree tree_;
  SignalForwarder forwarder_;
  std::optional<TimePoint> long_run_at_;  // when begin_long_run() is due
  std::optional<ExitReason> own_exit_;    // of the command, while descendants are waited for
  std::optional<ExitReason> exit_reason_;
  bool cancelled_ = false;
  bool stuck_told_ = false;
  bool loss_told_ = false;
};

}  // namespace

CommandResult supervise(const Supervision& supervision, OwnedChild guard) {
  return Supervisor{supervision, std::move(guard)}.watch();
}

}  // namespace redlock::process

#include "process/supervisor.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "process/cancellation.hpp"
#include "process/descriptors.hpp"
#include "process/proc_stat.hpp"
#include "process/signal_forwarder.hpp"
#include "process/tree.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace redlock::process {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// Who has run for so long is taken to go on for a while; or for this part of the time until TERM.
constexpr Duration kShortRun = 10ms;
constexpr int kShortRunPart = 8;

// For how long we try to kill what the kernel says we must not.
constexpr Duration kGiveUpAfter = 200ms;

// A guard that has been continued must answer within this time.
constexpr Duration kTimeToAnswer = 500ms;

class Supervisor final : private Tree::StuckListener {
 public:
  Supervisor(const Supervision& with, OwnedChild guard) noexcept
      : with_{with},
        guard_{std::move(guard)},
        tree_{std::move(with.lists), with.foreign_children},
        forwarder_{with.leash.kill_after(), with.signals, with.channel, with.foreground} {}
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() {
    if (guard_) kill_everything();
  }

  CommandResult watch() {
    const TimePoint now = BootClock::now();
    handle_children();
    long_run_at_ = now + std::min(kShortRun, (with_.leash.term_at() - now) / kShortRunPart);
    take_signals();  // those from before the fork, of a terminal too, may be known to redlock alone
    forwarder_.command_is_there();
    while (!exit_reason_) {
      wait();
      take_signals();
      take_messages();
      if (!exit_reason_ && answer_due_ && BootClock::now() >= *answer_due_) replace_the_guard();
      if (exit_reason_) break;
      keep_the_deadline();
      if (!exit_reason_ && long_run_at_ && BootClock::now() >= *long_run_at_) begin_long_run();
    }
    with_.foreground.reclaim();
    return {.exit_reason = *exit_reason_,
            .lease_lost = std::holds_alternative<Stopped>(*exit_reason_) || lease_is_over(),
            .terminal_signal = forwarder_.terminal_signal_that_ended(*exit_reason_),
            .guard = std::move(guard_)};
  }

 private:
  bool lease_is_over() const noexcept {
    return with_.leash.lost() || BootClock::now() >= with_.leash.valid_until();
  }

  // A command that is over in a moment is spared this.
  void begin_long_run() {
    long_run_at_.reset();
    close_inherited_descriptors();
    const bool at_terminal = with_.foreground.has_terminal();
    forwarder_.start_witness(at_terminal ? guard_.pid() : 0);  // before there are threads, where it can be
    if (at_terminal) with_.leash.set_witness(forwarder_.witness());
    if (with_.on_long_run) with_.on_long_run();
  }

  // The guard acts first; `lead` later it is our turn.
  std::optional<TimePoint> next_deadline() const noexcept {
    if (long_run_at_) return long_run_at_;  // comes before TERM
    const auto due = deadline_of_lease();
    return due && answer_due_ ? std::min(*due, *answer_due_) : (due ? due : answer_due_);
  }

  std::optional<TimePoint> deadline_of_lease() const noexcept {
    const Leash& leash = with_.leash;
    if (leash.stop_begun() || (own_exit_ && with_.stop_when_lost)) return leash.kill_at() + leash.lead();
    if (with_.stop_when_lost) return leash.term_at() + leash.lead();
    if (!loss_told_) return leash.valid_until();
    return std::nullopt;
  }

  void wait() noexcept {
    with_.timer.set(next_deadline());
    const bool heed_loss = !loss_seen_;
    pollfd events[] = {
        {.fd = with_.signals.fd(), .events = POLLIN, .revents = 0},
        {.fd = with_.channel.fd(), .events = POLLIN, .revents = 0},
        {.fd = with_.timer.fd(), .events = POLLIN, .revents = 0},
        {.fd = heed_loss ? with_.leash.lost_event() : -1, .events = POLLIN, .revents = 0},
    };
    poll(events, std::size(events), -1);
    if (events[3].revents != 0) loss_seen_ = true;
  }

  void take_signals() {
    while (const auto info = with_.signals.take()) {
      if (static_cast<int>(info->ssi_signo) == SIGCHLD) {
        handle_children();
      } else {
        forwarder_.take(*info);
        if (asks_to_end(static_cast<int>(info->ssi_signo)))
          await_answer(std::max(with_.leash.kill_after(), kTimeToAnswer));
      }
    }
  }

  void handle_children() noexcept {
    reap_foreign();
    continue_guard();
  }

  // A guard that somebody has stopped goes on: without it nothing that ends would be heard of.
  void continue_guard() noexcept {
    siginfo_t stopped{};
    if (waitid(P_PID, static_cast<id_t>(guard_.pid()), &stopped, WSTOPPED | WNOHANG) != 0) return;
    if (stopped.si_pid == 0) return;
    kill(guard_.pid(), SIGCONT);
    await_answer(kTimeToAnswer);
  }

  // A guard that does not answer (a tracer holds it, say) is replaced.
  void await_answer(Duration limit) noexcept {
    const TimePoint due = BootClock::now() + limit;
    with_.channel.send({.kind = Message::Kind::Ping});
    answer_due_ = answer_due_ ? std::min(*answer_due_, due) : due;
  }

  // What redlock had before the command, or receives as process 1: all that ends but the guard.
  void reap_foreign() noexcept {
    bool reaped = false;
    for (;;) {
      siginfo_t child{};
      if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) != 0) break;
      if (child.si_pid == 0 || child.si_pid == guard_.pid()) break;
      if (child.si_pid == forwarder_.witness()) {
        with_.leash.set_witness(0);
        forwarder_.end_witness();
      } else {
        reaped = waitpid(child.si_pid, nullptr, WNOHANG) > 0;
      }
    }
    if (reaped) tree_.drop_reaped();
  }

  void take_messages() {
    Message message{};
    while (!exit_reason_) {
      switch (with_.channel.receive(message)) {
        case Channel::Receipt::Nothing: return;
        case Channel::Receipt::Closed: replace_the_guard(); return;
        case Channel::Receipt::Got: handle(message); break;
      }
    }
  }

  void handle(const Message& message) {
    switch (message.kind) {
      case Message::Kind::Pong: answer_due_.reset(); return;
      case Message::Kind::Stuck: is_stuck(message.pid); return;
      case Message::Kind::JobStopped: forwarder_.stop_with_the_job(message); return;
      case Message::Kind::Exited:
      case Message::Kind::Signalled: take_own_exit(reason_of(message)); return;
      case Message::Kind::DescendantsEnded: conclude(reason_after_descendants(message)); return;
      default: conclude(reason_of(message));
    }
  }

  // The command has ended, but not by the deadline. The lock goes on as long as something of a cancelled command is left:
  // the next holder would work beside it.
  void take_own_exit(const ExitReason& reason) {
    take_signals();  // that of a terminal, of which it may have died, is here before the guard's report
    own_exit_ = reason;
    const auto signal = forwarder_.signal_that_ended(reason);
    forwarder_.command_is_gone();
    cancelled_ = signal.has_value();
    if (signal) {
      with_.channel.send({.kind = Message::Kind::EndDescendants, .value = *signal});
    } else if (with_.until_all_ended) {
      with_.channel.send({.kind = Message::Kind::AwaitDescendants});
    } else {
      conclude(reason);
    }
  }

  // What was waited for as if it were the command is also stopped as if it were.
  ExitReason reason_after_descendants(const Message& report) const {
    const bool stopped = report.detail != 0;
    if (stopped && !cancelled_) return Stopped{report.value, milliseconds{report.late_ms}};
    if (report.value > 0) log::warning(survivors_message(report.value));
    return *own_exit_;
  }

  void conclude(ExitReason reason) {
    exit_reason_ = std::move(reason);
    if (with_.ended) with_.ended();
    with_.channel.send({.kind = Message::Kind::Dismiss});
  }

  ExitReason reason_of(const Message& report) const {
    using Kind = Message::Kind;
    switch (report.kind) {
      case Kind::Exited: return Exited{report.value};
      case Kind::Signalled: return Signalled{report.value};
      case Kind::Stopped: return Stopped{report.value, milliseconds{report.late_ms}};
      case Kind::ForkRefused: return fork_refused(report.value);
      case Kind::ListsRefused: return lists_refused(report.value);
      case Kind::ExecRefused: {
        const ExecPlan::Failure failure{report.value, static_cast<std::size_t>(report.detail)};
        return with_.plan.explain(failure);
      }
      case Kind::TooLate: return too_late();
      default: return NotStarted{exit_status::kInternal, "the guard sent a message that nobody knows"};
    }
  }

  void keep_the_deadline() {
    Leash& leash = with_.leash;
    const TimePoint now = BootClock::now();
    if (!with_.stop_when_lost && !loss_told_ && lease_is_over()) {
      loss_told_ = true;
      log::error(
          "the lock was lost: the command runs on without it (--on-lost=warn), and another host may run it "
          "too");
    }
    if (!with_.stop_when_lost && !leash.stop_begun()) return;
    if (now >= leash.kill_at() + leash.lead()) {
      leash.begin_stop();
      replace_the_guard();
    } else if (!own_exit_ && now >= leash.term_at() + leash.lead() && leash.begin_stop()) {
      tree_.signal_all({SIGTERM, SIGCONT}, leash.kill_at() + leash.lead(), guard_.pid());
    }
  }

  // The guard was killed, or did not do its work in time. What it has settled counts all the same.
  void replace_the_guard() {
    const int survivors = kill_everything();
    Message message{};
    while (with_.channel.receive(message) == Channel::Receipt::Got) {
      switch (message.kind) {
        case Message::Kind::Pong:
        case Message::Kind::Stuck:
        case Message::Kind::JobStopped: break;
        case Message::Kind::DescendantsEnded: exit_reason_ = reason_after_descendants(message); break;
        default: exit_reason_ = reason_of(message);
      }
    }
    if (exit_reason_) return;
    if (own_exit_ && cancelled_) {
      exit_reason_ = reason_after_descendants({.kind = Message::Kind::DescendantsEnded, .value = survivors});
    } else if (with_.leash.stop_begun() || (own_exit_ && lease_is_over())) {
      exit_reason_ = Stopped{survivors, duration_cast<milliseconds>(with_.leash.expired_for())};
    } else {
      exit_reason_ = GuardDied{survivors};
    }
  }

  // With the guard dies the command (PR_SET_PDEATHSIG), and all that it leaves behind becomes ours, to be killed: behind
  // the command in the list of our children, which are in the order of their coming. All that comes before is foreign.
  int kill_everything() noexcept {
    forwarder_.end_witness();
    const pid_t guard = guard_.pid();
    const bool reaped = guard_.end();
    const pid_t command = with_.leash.command();
    if (command > 0) tree_.exclude_older_than(command);
    if (!reaped) tree_.exclude(guard);
    return tree_.kill_all(0, std::max(with_.leash.valid_until(), BootClock::now() + kGiveUpAfter), *this);
  }

  // Once: where the guard has said so, we may come to the same.
  void is_stuck(pid_t pid) noexcept override {
    if (std::exchange(stuck_told_, true)) return;
    try {
      const std::string which = pid > 0 ? fmt::format("process {} ({})", pid, quoted(process_name(pid)))
                                        : "a process of the command";
      log::warning(fmt::format(
          "waiting for {}, which was killed and does not end: it is frozen, traced or waiting for a "
          "device",
          which));
    } catch (const std::exception&) {  // no memory for it: waited for without a word
    }
  }

  const Supervision& with_;
  OwnedChild guard_;
  Tree tree_;
  SignalForwarder forwarder_;
  std::optional<ExitReason>
      own_exit_;  // how the command itself ended, while what it has left running is waited for
  std::optional<ExitReason> exit_reason_;
  std::optional<TimePoint> long_run_at_;  // when begin_long_run() is due
  std::optional<TimePoint> answer_due_;   // by the guard
  bool cancelled_ = false;
  bool loss_seen_ = false;
  bool stuck_told_ = false;
  bool loss_told_ = false;
};

}  // namespace

CommandResult supervise(const Supervision& supervision, OwnedChild guard) {
  return Supervisor{supervision, std::move(guard)}.watch();
}

}  // namespace redlock::process

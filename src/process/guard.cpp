#include "process/guard.hpp"

#include "process/cancellation.hpp"
#include "process/descriptors.hpp"
#include "process/title.hpp"
#include "process/tree.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

namespace redlock::process {
namespace {

using namespace std::chrono_literals;

// As ps(1) shows it.
constexpr const char* kGuardName = "lock-guard";

// What the command gets between TERM and KILL when redlock is gone: all of it has to be dead within 250 ms.
constexpr Duration kGraceWithoutRedlock = 80ms;

// How much longer than finding all of a tree killing it takes: measured with 5,000 processes on two busy processors.
constexpr int kKillPerWalk = 6;

// For how long the guard tries to kill what the kernel says it must not.
constexpr Duration kGiveUpAfter = 200ms;

class Guard final : private Tree::StuckListener {
 public:
  explicit Guard(const GuardTools& tools) noexcept : tools_{tools}, leash_{tools.leash} {}

  [[noreturn]] void run() noexcept {
    become_guard();
    start_command();
    leave_the_job();
    for (;;) {
      reap();
      handle();
      decide();
      wait();
    }
  }

 private:
  // Before the command starts: what forks twice must find its subreaper there.
  void become_guard() noexcept {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t all{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
  }

  // Does not wait for the exec, which may take its time where PATH leads over a slow network.
  void start_command() noexcept {
    if (!tree_.prepare()) report_and_exit({.kind = Message::Kind::ListsRefused, .value = errno});
    command_ = spawn(tools_.plan, leash_, tools_.signals, tools_.start_failure);
    if (command_ < 0) report_and_exit({.kind = Message::Kind::ForkRefused, .value = errno});
    leash_.set_command(command_);
    forward_early_signals();
  }

  // Signals that a terminal sent to the job between the grant and the fork reached the guard, where they are pending, and
  // not the command.
  void forward_early_signals() const noexcept {
    sigset_t early{};
    sigemptyset(&early);
    for (const int signal : {SIGINT, SIGQUIT, SIGHUP, SIGTSTP}) sigaddset(&early, signal);
    const timespec at_once{};
    siginfo_t info{};
    while (sigtimedwait(&early, &info, &at_once) > 0) {
      if (info.si_code == SI_KERNEL) kill(command_, info.si_signo);
    }
  }

  // The command stays in the process group of the job, so that the terminal treats it as it would without us; the guard
  // leaves it, so that `kill -KILL -PGID` and `kill -STOP -PGID` pass it by. It leaves the session too: a parent in
  // another group of the same session would make the job's group one that is orphaned when the command ends, and the
  // kernel would send HUP to all of it if anything in it is stopped then (setpgid(2)). It keeps no file of redlock open.
  void leave_the_job() noexcept {
    setsid();
    change_title(kGuardName);
    hide_executable();
    const auto [proc, own] = tree_.descriptors();
    close_all_but({tools_.channel.fd(), tools_.timer.fd(), tools_.child_events, leash_.lost_event(),
                   tools_.start_failure.fd(), proc, own});
  }

  // Until it has ended, or nothing depends on it any more.
  bool heeds_lease() const noexcept { return tools_.stop_when_lost && !deadline_came_ && !redlock_gone_; }

  // Once in a lease that is not extended is enough.
  bool is_measured() const noexcept { return measured_for_ == leash_.valid_until(); }

  std::optional<TimePoint> next_deadline() const noexcept {
    if (!heeds_lease()) return kill_due_;
    const TimePoint due = is_measured() ? leash_.term_at() : std::min(leash_.measure_at(), leash_.term_at());
    return kill_due_ ? std::min(*kill_due_, due) : due;
  }

  // Sleeps until something happens. The deadline is read from the leash again each time; most often it has moved on.
  void wait() noexcept {
    tools_.timer.set(next_deadline());
    pollfd events[] = {
        {.fd = redlock_gone_ ? -1 : tools_.channel.fd(), .events = POLLIN, .revents = 0},
        {.fd = tools_.timer.fd(), .events = POLLIN, .revents = 0},
        {.fd = tools_.child_events, .events = POLLIN, .revents = 0},
        {.fd = heeds_lease() ? leash_.lost_event() : -1, .events = POLLIN, .revents = 0},
    };
    poll(events, std::size(events), -1);
    signalfd_siginfo seen{};
    while (read(tools_.child_events, &seen, sizeof seen) > 0) continue;
  }

  // Takes in all that has happened to children: the command's end and its stops, and the ends of its orphans.
  void reap() noexcept {
    for (;;) {
      siginfo_t child{};
      const int result = waitid(P_ALL, 0, &child, WEXITED | WSTOPPED | WCONTINUED | WNOHANG);
      childless_ = result != 0;
      if (result != 0 || child.si_pid == 0) return;
      if (child.si_pid == command_) note_command(child);
    }
  }

  void note_command(const siginfo_t& child) noexcept {
    using Kind = Message::Kind;
    if (child.si_code == CLD_EXITED || child.si_code == CLD_KILLED || child.si_code == CLD_DUMPED)
      leash_.set_command(0);
    switch (child.si_code) {
      case CLD_EXITED:
        report_failed_start();
        end_ = Message{.kind = Kind::Exited, .value = child.si_status};
        break;
      case CLD_KILLED:
      case CLD_DUMPED: end_ = Message{.kind = Kind::Signalled, .value = child.si_status}; break;
      case CLD_CONTINUED: stopped_ = false; break;
      case CLD_STOPPED:
        stopped_ = true;
        ++stop_serial_;
        tell_of_job_stop(child.si_status);
        break;
      default: break;
    }
  }

  // If there was a command, nothing is left of it by now.
  void report_failed_start() const noexcept {
    using Kind = Message::Kind;
    const auto failure = tools_.start_failure.take();
    if (!failure) return;
    report_and_exit({.kind = failure->too_late ? Kind::TooLate : Kind::ExecRefused,
                     .value = failure->error_number,
                     .detail = static_cast<std::int32_t>(failure->candidate)});
  }

  // A stop that the terminal asked for is the whole job's, and so may be one by SIGSTOP: the shell watches redlock.
  void tell_of_job_stop(int signal) noexcept {
    if (signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU && signal != SIGSTOP) return;
    tools_.channel.send({.kind = Message::Kind::JobStopped,
                         .value = signal,
                         .serial = stop_serial_,
                         .continued = continued_,
                         .pid = command_});
  }

  // Does what redlock asks for, and sees when there is no redlock any more.
  void handle() noexcept {
    Message message{};
    while (!redlock_gone_) {
      switch (tools_.channel.receive(message)) {
        case Channel::Receipt::Nothing: return;
        case Channel::Receipt::Closed: redlock_gone_ = true; return;
        case Channel::Receipt::Got: handle(message); break;
      }
    }
  }

  void handle(const Message& message) noexcept {
    using Kind = Message::Kind;
    switch (message.kind) {
      case Kind::Dismiss: _exit(0);
      case Kind::Ping: tools_.channel.send({.kind = Kind::Pong}); break;
      case Kind::AwaitDescendants: awaits_descendants_ = true; break;
      case Kind::EndDescendants:
        awaits_descendants_ = true;
        signal_for_descendants_ = message.value;
        break;
      default: pass_on(message);
    }
  }

  void pass_on(const Message& message) noexcept {
    const bool after_stop = message.kind == Message::Kind::Continue;
    const int signal = after_stop ? SIGCONT : message.value;
    if (signal == SIGCONT && !after_stop) ++continued_;
    if (end_) return;  // reaped: the pid may be another's by now
    if (after_stop && (!stopped_ || message.serial != stop_serial_)) return;
    if (message.detail != 0 && getpgid(command_) == job_ && !guard_got(signal, message.pid)) return;
    kill(command_, signal);
    // As timeout(1) does: a command that is stopped would hold the lock until somebody continues it.
    if (stopped_ && asks_to_end(signal)) kill(command_, SIGCONT);
  }

  // Whether the sender has signalled the guard, which is in no group with the command: then it was each process by itself
  // (`pkill -f`), and the command may not have been among them.
  static bool guard_got(int signal, pid_t sender) noexcept {
    sigset_t only{};
    sigemptyset(&only);
    sigaddset(&only, signal);
    const timespec at_once{};
    siginfo_t info{};
    bool got = false;
    while (sigtimedwait(&only, &info, &at_once) > 0) got = got || info.si_pid == sender;
    return got;
  }

  void decide() noexcept {
    using Kind = Message::Kind;
    if (end_ && !reported_ && !kill_due_ && leash_.claim_own_exit()) report_own_exit();
    if (heeds_lease() && !is_measured() && BootClock::now() >= leash_.measure_at())
      expect(tree_.measure(leash_.kill_at()));
    const TimePoint now = BootClock::now();
    if (redlock_gone_) {
      const TimePoint due = now + kGraceWithoutRedlock;
      begin_stop(tools_.stop_when_lost ? std::min(due, leash_.kill_at()) : due);
    } else if (leash_.stop_begun() || (tools_.stop_when_lost && now >= leash_.term_at())) {
      deadline_came_ = true;
      begin_stop(leash_.kill_at());
    } else if (signal_for_descendants_) {
      end_descendants(*std::exchange(signal_for_descendants_, std::nullopt), now + leash_.kill_after());
    }
    const Kind done = reported_ ? Kind::DescendantsEnded : Kind::Stopped;
    if (childless_ && (kill_due_ || awaits_descendants_)) {
      report_and_exit({.kind = done, .detail = deadline_came_ ? 1 : 0, .late_ms = late_ms()});
    }
    if (!kill_due_ || BootClock::now() < *kill_due_) return;
    const int survivors =
        tree_.kill_all(end_ ? 0 : command_, std::max(leash_.valid_until(), now + kGiveUpAfter), *this);
    report_and_exit(
        {.kind = done, .value = survivors, .detail = deadline_came_ ? 1 : 0, .late_ms = late_ms()});
  }

  void is_stuck(pid_t pid) noexcept override {
    tools_.channel.send({.kind = Message::Kind::Stuck, .pid = pid});
  }

  // Not the end yet: whoever killed the command may have killed redlock with it (`kill -KILL -PGID`), and
  // then the rest of the tree has to go too. It may stay if redlock takes the report, and says so before the deadline.
  void report_own_exit() noexcept {
    tools_.channel.send(*end_);
    reported_ = true;
  }

  // TERM once, if there is time for it before KILL; and what is due only ever moves forward.
  void begin_stop(TimePoint kill_due) noexcept {
    const bool alone = redlock_gone_ || reported_;  // with the decision as well
    const bool first = leash_.begin_stop() || (alone && !kill_due_);
    if (first) wake_witness(kill_due);
    if (first && kill_due - BootClock::now() > walk_time_)
      expect(tree_.signal_all({SIGTERM, SIGCONT}, kill_due));
    if (tools_.stop_when_lost) kill_due = std::min(kill_due, leash_.kill_at());
    kill_due_ = kill_due_ ? std::min(*kill_due_, kill_due) : kill_due;
  }

  // For the terminal, see SignalWitness. When redlock is gone its shell takes the terminal back: let it come to reading before
  // a shell of the command, which loses a process by TERM, takes it away for a moment.
  void wake_witness(TimePoint kill_due) const noexcept {
    const pid_t witness = leash_.witness();
    if (witness <= 0) return;
    kill(witness, SIGCONT);
    constexpr timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    if (redlock_gone_ && kill_due - BootClock::now() > kGraceWithoutRedlock / 2) nanosleep(&pause, nullptr);
  }

  void end_descendants(int signal, TimePoint kill_due) noexcept {
    if (!childless_) expect(tree_.signal_all({signal, SIGCONT}, kill_due));
    kill_due_ = kill_due_ ? std::min(*kill_due_, kill_due) : kill_due;
  }

  void expect(Duration walk_time) noexcept {
    walk_time_ = walk_time;
    leash_.expect_kill_to_take(walk_time * kKillPerWalk);
    measured_for_ = leash_.valid_until();
  }

  std::int32_t late_ms() const noexcept {
    if (!deadline_came_) return 0;
    return static_cast<std::int32_t>(duration_cast<std::chrono::milliseconds>(leash_.expired_for()).count());
  }

  [[noreturn]] void report_and_exit(const Message& message) const noexcept {
    tools_.channel.send(message);
    _exit(0);
  }

  const GuardTools& tools_;
  Leash& leash_;
  Tree tree_;
  const pid_t job_ = getpgrp();  // which the guard leaves
  pid_t command_ = -1;
  std::optional<Message> end_;                 // how the command ended, once it has been reaped
  std::optional<TimePoint> kill_due_;          // set once TERM, or what cancelled the command, has been sent
  std::optional<int> signal_for_descendants_;  // a signal for what the command has left running
  Duration walk_time_{0};                      // how long it took to find all of the tree, last time
  TimePoint measured_for_;                     // the end of validity before which that was
  std::int32_t continued_ = 0;                 // SIGCONTs that redlock was sent by others and passed on
  std::int32_t stop_serial_ = 0;               // stops of the command so far
  bool stopped_ = false;                       // the command, by a signal
  bool childless_ = false;                     // nobody is left of the tree
  bool redlock_gone_ = false;
  bool reported_ = false;            // the command's own end
  bool awaits_descendants_ = false;  // the end of what it has left running, too
  bool deadline_came_ = false;       // TERM was due
};

}  // namespace

void run_guard(const GuardTools& tools) noexcept {
  Guard{tools}.run();
}

}  // namespace redlock::process

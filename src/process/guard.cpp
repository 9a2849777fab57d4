#include "process/guard.hpp"

#include "base/signal_set.hpp"
#include "process/descriptors.hpp"
#include "process/guard_messages.hpp"
#include "process/guarded_command.hpp"
#include "process/nested_mark.hpp"
#include "process/privacy.hpp"
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
#include <ctime>
#include <iterator>
#include <optional>

namespace redlock::process {
namespace {

using namespace std::chrono_literals;

// Between TERM and KILL when redlock is gone: everything must be dead within 250 ms.
constexpr Duration kGraceWithoutRedlock = 80ms;

// Killing a tree takes this many times as long as finding all of it: measured with 5,000 processes on two busy cores.
constexpr int kKillPerWalk = 6;

class Guard final : private Tree::StuckListener {
 public:
  explicit Guard(const GuardContext& context) noexcept
      : context_{context}, tree_{context.spawn.clock}, command_{context.channel} {}

  [[noreturn]] void run() noexcept {
    prepare();
    start_command();
    leave_the_job();
    for (;;) {
      reap();
      take_messages();
      report_own_exit();
      keep_the_deadline();
      finish();
      wait();
    }
  }

 private:
  // Before the command starts, whose orphans must find their subreaper.
  void prepare() noexcept {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    block_all_signals();
    if (!tree_.prepare()) report_and_exit({.kind = MessageKind::ListsRefused, .value = errno});
  }

  // Does not wait for the exec, which takes long when PATH leads over a slow network.
  void start_command() noexcept {
    if (!command_.start(context_.spawn)) report_and_exit({.kind = MessageKind::ForkRefused, .value = errno});
    context_.spawn.leash.set_command(command_.pid());
  }

  // The command stays in the process group of the job, so that the terminal treats it as it would without redlock. The
  // guard leaves that group, so that `kill -KILL -PGID` and `kill -STOP -PGID` do not reach it. It leaves the session, too:
  // a parent in another group of the same session would orphan the job's group when the command ends, and the kernel would
  // send HUP to the whole group if anything in it is stopped then (setpgid(2)). It keeps no file of redlock open but
  // standard error.
  void leave_the_job() noexcept {
    setsid();
    change_title(kGuardName);
    make_private();
    const auto [proc, own] = tree_.descriptors();
    close_all_but({STDERR_FILENO, context_.channel.fd(), context_.timer.fd(), context_.child_events,
                   context_.spawn.leash.lost_event(), proc, own});
  }

  void reap() noexcept {
    for (;;) {
      siginfo_t child{};
      const int result = waitid(P_ALL, 0, &child, WEXITED | WSTOPPED | WCONTINUED | WNOHANG);
      childless_ = result != 0;
      if (result != 0 || child.si_pid == 0) return;
      if (child.si_pid != command_.pid()) continue;
      command_.on_change(child);
      if (command_.exit()) context_.spawn.leash.set_command(0);
    }
  }

  void take_messages() noexcept {
    Message message{};
    while (!redlock_gone_) {
      switch (context_.channel.receive(message)) {
        case Receipt::Nothing: return;
        case Receipt::Closed: redlock_gone_ = true; return;
        case Receipt::Got: handle(message); break;
      }
    }
  }

  void handle(const Message& message) noexcept {
    switch (message.kind) {
      case MessageKind::Signal:
        reap();  // a stop or an end that came before the message
        command_.send_signal(message);
        break;
      case MessageKind::Continue: command_.continue_after_stop(message.serial); break;
      case MessageKind::Ping: context_.channel.send({.kind = MessageKind::Pong}); break;
      case MessageKind::Dismiss: _exit(0);
      case MessageKind::AwaitDescendants:
        awaits_descendants_ = true;
        prctl(PR_SET_NAME, kGuardName);
        break;
      case MessageKind::EndDescendants:
        awaits_descendants_ = true;
        end_descendants(message.value);
        break;
      default: break;  // the guard's own kinds
    }
  }

  void end_descendants(int signal) noexcept {
    const TimePoint due = now() + context_.spawn.leash.kill_after();
    if (!childless_) note_walk(tree_.signal_all({signal, SIGCONT}, due));
    advance_kill(due);
  }

  // The guard goes on afterwards: `kill -KILL -PGID` may have killed the command and redlock together, and then the rest
  // of the tree must go. Redlock answers the report with Dismiss, AwaitDescendants or EndDescendants.
  void report_own_exit() noexcept {
    if (!command_.exit() || reported_ || kill_due_ || !context_.spawn.leash.claim_own_exit()) return;
    Message report = *command_.exit();
    if (!childless_) {
      prctl(PR_SET_NAME, kEndingGuardName);
      report.detail = tree_.has(kNestedName) ? 1 : 0;
    }
    context_.channel.send(report);
    reported_ = true;
  }

  bool obeys_lease() const noexcept { return context_.stop_when_lost && !deadline_came_ && !redlock_gone_; }

  // One measurement for each end of validity that comes near is enough.
  bool is_measured() const noexcept { return measured_for_ == context_.spawn.leash.valid_until(); }

  void keep_the_deadline() noexcept {
    Leash& leash = context_.spawn.leash;
    if (obeys_lease() && !is_measured() && now() >= leash.measure_at())
      note_walk(tree_.measure(leash.kill_at()));
    if (redlock_gone_) {
      begin_stop(now() + kGraceWithoutRedlock);
    } else if (leash.stop_begun() || (context_.stop_when_lost && now() >= leash.term_at())) {
      deadline_came_ = true;
      begin_stop(leash.kill_at());
    }
  }

  // Sends TERM once, if there is time for it before KILL.
  void begin_stop(TimePoint kill_due) noexcept {
    if (context_.stop_when_lost) kill_due = std::min(kill_due, context_.spawn.leash.kill_at());
    const bool alone = redlock_gone_ || reported_;  // nobody else would send it
    const bool first = context_.spawn.leash.begin_stop() || (alone && !kill_due_);
    if (first) wake_witness(kill_due);
    if (first && kill_due - now() > walk_time_) note_walk(tree_.signal_all({SIGTERM, SIGCONT}, kill_due));
    if (context_.stop_when_lost) kill_due = std::min(kill_due, context_.spawn.leash.kill_at());
    advance_kill(kill_due);
  }

  void advance_kill(TimePoint due) noexcept { kill_due_ = kill_due_ ? std::min(*kill_due_, due) : due; }

  void note_walk(Duration took) noexcept {
    walk_time_ = took;
    context_.spawn.leash.expect_kill_to_take(took * kKillPerWalk);
    measured_for_ = context_.spawn.leash.valid_until();
  }

  // The witness gives the terminal back (see SignalWitness). When redlock is gone its shell takes the terminal: let it
  // reach its read(2) before TERM makes a shell of the command take the terminal away for a moment.
  void wake_witness(TimePoint kill_due) const noexcept {
    const pid_t witness = context_.spawn.leash.witness();
    if (witness <= 0) return;
    kill(witness, SIGCONT);
    constexpr timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    if (redlock_gone_ && kill_due - now() > kGraceWithoutRedlock / 2) nanosleep(&pause, nullptr);
  }

  // Does not return once nothing is left to wait for, or KILL is due.
  void finish() noexcept {
    if (childless_ && (kill_due_ || awaits_descendants_)) report_stop(0);
    if (!kill_due_ || now() < *kill_due_) return;
    report_stop(tree_.kill_all(context_.spawn.leash.valid_until(), *this));
  }

  [[noreturn]] void report_stop(int survivors) const noexcept {
    const bool had_deadline = redlock_gone_ ? context_.stop_when_lost : deadline_came_;
    const Duration late = had_deadline ? context_.spawn.leash.expired_for(now()) : Duration::zero();
    if (redlock_gone_) tell_end_without_redlock(survivors, late);
    report_and_exit(
        {.kind = reported_ ? MessageKind::DescendantsEnded : MessageKind::Stopped,
         .value = survivors,
         .detail = deadline_came_ ? 1 : 0,
         .late_ms = static_cast<std::int32_t>(duration_cast<std::chrono::milliseconds>(late).count())});
  }

  [[noreturn]] void report_and_exit(const Message& message) const noexcept {
    context_.channel.send(message);
    _exit(0);
  }

  void is_stuck(pid_t pid, bool refused) noexcept override {
    if (redlock_gone_) return tell_stuck_without_redlock(pid, refused);
    context_.channel.send({.kind = MessageKind::Stuck, .detail = refused ? 1 : 0, .pid = pid});
  }

  std::optional<TimePoint> next_deadline() const noexcept {
    if (!obeys_lease()) return kill_due_;
    const Leash& leash = context_.spawn.leash;
    const TimePoint due = is_measured() ? leash.term_at() : std::min(leash.measure_at(), leash.term_at());
    return kill_due_ ? std::min(*kill_due_, due) : due;
  }

  // Sleeps until something happens. The leash is read again each time, since most often its deadline has moved on.
  void wait() noexcept {
    context_.timer.set(next_deadline());
    pollfd events[] = {
        {.fd = redlock_gone_ ? -1 : context_.channel.fd(), .events = POLLIN, .revents = 0},
        {.fd = context_.timer.fd(), .events = POLLIN, .revents = 0},
        {.fd = context_.child_events, .events = POLLIN, .revents = 0},
        {.fd = obeys_lease() ? context_.spawn.leash.lost_event() : -1, .events = POLLIN, .revents = 0},
    };
    poll(events, std::size(events), -1);
    signalfd_siginfo seen{};
    while (read(context_.child_events, &seen, sizeof seen) > 0) continue;
  }

  TimePoint now() const noexcept { return context_.spawn.clock.boot_now(); }

  const GuardContext& context_;
  Tree tree_;
  GuardedCommand command_;
  std::optional<TimePoint> kill_due_;  // set once the tree was told to end
  Duration walk_time_{0};              // that finding the whole tree took last time
  TimePoint measured_for_;             // the end of validity before which that was
  bool childless_ = false;             // nothing is left of the tree
  bool redlock_gone_ = false;
  bool reported_ = false;            // the command's own end
  bool awaits_descendants_ = false;  // the end of what the command left running
  bool deadline_came_ = false;       // TERM was due
};

}  // namespace

void run_guard(const GuardContext& context) noexcept {
  Guard{context}.run();
}

}  // namespace redlock::process

#include "process/signal_witness.hpp"

#include "process/descriptors.hpp"
#include "process/privacy.hpp"
#include "process/title.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <new>

namespace redlock::process {
namespace {

using namespace std::chrono_literals;

// In ps(1). Like the guard's name it does not contain "redlock": a pkill(1) that selects processes by that name must not hit
// the witness, which would then report a signal to the group.
constexpr char kName[] = "lock-witness";

constexpr Duration kFresh = 100ms;
constexpr int kLooks = 20;
constexpr timespec kBetweenLooks{.tv_sec = 0, .tv_nsec = 1'000'000};

// When redlock is dead, the witness waits this long for the guard's SIGCONT: the guard may be dead, too.
constexpr timespec kGiveUpAfter{.tv_sec = 1, .tv_nsec = 0};

}  // namespace

struct SignalWitness::Notes {
  Note of[NSIG];
};

SignalWitness::SignalWitness(Clock& clock, pid_t guard) noexcept : clock_{clock} {
  void* page = mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  notes_ = new (page) Notes;
  const JobProcesses job{.parent = getppid(), .redlock = getpid(), .guard = guard};
  const pid_t pid = _Fork();
  if (pid > 0) process_ = OwnedChild{pid};
  if (pid != 0) return;
  watch(job);
}

SignalWitness::~SignalWitness() {
  if (notes_ != nullptr) munmap(notes_, sizeof(Notes));
}

void SignalWitness::watch(const JobProcesses& job) noexcept {
  sigset_t all{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  prctl(PR_SET_PDEATHSIG, job.guard > 0 ? SIGTERM : SIGKILL);
  change_title(kName);
  make_private();  // like the guard: a selection by executable must hit both or neither
  close_all_but({});
  bool command_is_being_ended = false;  // by the guard
  for (;;) {
    const bool alone = getppid() != job.redlock;
    if (alone && job.guard <= 0) _exit(0);
    if (command_is_being_ended) hand_terminal_back(job);
    if (command_is_being_ended && alone) _exit(0);
    siginfo_t info{};
    const int signal = alone ? sigtimedwait(&all, &info, &kGiveUpAfter) : sigwaitinfo(&all, &info);
    if (signal <= 0 && alone) _exit(0);
    if (signal <= 0 || info.si_code != SI_USER) continue;
    if (signal == SIGCONT && info.si_pid == job.guard) command_is_being_ended = true;
    Note& note = notes_->of[signal];
    note.sender = info.si_pid;
    note.at = clock_.boot_now().time_since_epoch().count();
  }
}

bool SignalWitness::use_up_note(const signalfd_siginfo& info) noexcept {
  Note& note = notes_->of[info.ssi_signo];
  TimePoint::rep at = note.at.load();
  if (clock_.boot_now() - TimePoint{Duration{at}} >= kFresh) return false;
  if (note.sender.load() != static_cast<pid_t>(info.ssi_pid)) return false;
  note.at.compare_exchange_strong(at, kNoNote);  // fails if the next signal has come, whose note must stay
  return true;
}

bool SignalWitness::saw(const signalfd_siginfo& info) noexcept {
  if (!process_ || info.ssi_signo >= NSIG) return false;
  if (use_up_note(info)) return true;
  kill(process_.pid(), SIGCONT);  // it may be stopped
  for (int look = 0; look < kLooks; ++look) {
    nanosleep(&kBetweenLooks, nullptr);
    if (use_up_note(info)) return true;
  }
  return false;
}

}  // namespace redlock::process

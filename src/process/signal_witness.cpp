#include "process/signal_witness.hpp"

#include "process/descriptors.hpp"
#include "process/terminal_handback.hpp"
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

// As ps(1) shows it. Like that of the guard it does not contain "redlock": a witness that is hit by what selects processes
// by their names (pkill) would speak of a group that was never meant.
constexpr char kName[] = "lock-witness";

constexpr Duration kFresh = 100ms;
constexpr int kLooks = 20;
constexpr timespec kBetweenLooks{.tv_sec = 0, .tv_nsec = 1'000'000};

// For how long it waits for the word of the guard when redlock is dead: the guard may be, too.
constexpr timespec kGiveUpAfter{.tv_sec = 1, .tv_nsec = 0};

}  // namespace

struct SignalWitness::Notes {
  Note of[NSIG];
};

SignalWitness::SignalWitness(pid_t guard) noexcept {
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
  hide_executable();  // as the guard does: what selects processes by it is to hit both or neither
  close_all_but({});
  bool command_is_ended = false;  // by the guard
  for (;;) {
    const bool alone = getppid() != job.redlock;
    if (alone && job.guard <= 0) _exit(0);
    if (command_is_ended) hand_terminal_back(job);
    if (command_is_ended && alone) _exit(0);
    siginfo_t info{};
    const int signal = alone ? sigtimedwait(&all, &info, &kGiveUpAfter) : sigwaitinfo(&all, &info);
    if (signal <= 0 && alone) _exit(0);
    if (signal <= 0 || info.si_code != SI_USER) continue;
    if (signal == SIGCONT && info.si_pid == job.guard) command_is_ended = true;
    Note& note = notes_->of[signal];
    note.sender = info.si_pid;
    note.at = BootClock::now().time_since_epoch().count();
  }
}

bool SignalWitness::use_up_note(const signalfd_siginfo& info) noexcept {
  Note& note = notes_->of[info.ssi_signo];
  TimePoint::rep at = note.at.load();
  if (BootClock::now() - TimePoint{Duration{at}} >= kFresh) return false;
  if (note.sender.load() != static_cast<pid_t>(info.ssi_pid)) return false;
  note.at.compare_exchange_strong(at, kNoNote);  // fails when the next one is there already, which is left
  return true;
}

bool SignalWitness::saw(const signalfd_siginfo& info) noexcept {
  if (!process_ || info.ssi_signo >= NSIG) return false;
  if (use_up_note(info)) return true;
  kill(process_.pid(), SIGCONT);  // it may have been stopped, with all of the job or by itself
  for (int look = 0; look < kLooks; ++look) {
    nanosleep(&kBetweenLooks, nullptr);
    if (use_up_note(info)) return true;
  }
  return false;
}

}  // namespace redlock::process

#include "sandbox/directory.hpp"

#include "base/error.hpp"
#include "base/signal_set.hpp"
#include "base/text.hpp"
#include "process/descriptors.hpp"
#include "process/title.hpp"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

namespace redlock::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSweeperName = "sandbox-sweeper";

// A server of a sandbox that was killed dies a moment later, and may put its socket into the folder meanwhile.
constexpr int kTries = 100;
constexpr auto kPause = 10ms;

constexpr std::size_t kRandom = 6;  // characters at the end of the path, by mkdtemp(3)

// The sweeper's only message.
struct Made {
  int error;
  std::array<char, kRandom> random;
};

void remove(const std::string& path) noexcept {
  std::error_code error;
  for (int i = 0; i < kTries; ++i) {
    std::filesystem::remove_all(path, error);
    if (!error) return;
    std::this_thread::sleep_for(kPause);
  }
}

// The forked child. It leaves the job, so that `kill -KILL -PGID` does not reach it, and holds no file of redlock open. It
// makes the folder itself: whenever redlock is killed, it knows what to remove.
[[noreturn]] void sweep(std::string path, int channel) noexcept {
  setsid();
  block_all_signals();
  process::change_title(kSweeperName);
  process::close_all_but({channel});
  Made made{.error = mkdtemp(path.data()) == nullptr ? errno : 0, .random = {}};
  path.copy(made.random.data(), kRandom, path.size() - kRandom);
  send(channel, &made, sizeof made, MSG_NOSIGNAL);
  if (made.error != 0) _exit(exit_status::kSystem);
  [[maybe_unused]] const int moved = chdir("/");
  while (recv(channel, &made, sizeof made, 0) < 0 && errno == EINTR) continue;
  remove(path);
  _exit(0);
}

[[noreturn]] void refuse(const std::string& path, int error) {
  throw SystemError{"cannot create the folder " + printable(path), error};
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  const char* const base = std::getenv("TMPDIR");
  std::error_code error;
  path_ = std::filesystem::absolute(base != nullptr && *base != '\0' ? base : "/tmp", error).string() +
          "/redlock-sandbox." + std::string(kRandom, 'X');
  if (error) refuse(path_, error.value());
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) refuse(path_, errno);
  channel_ = UniqueFd{ends[0]};
  UniqueFd sweepers{ends[1]};
  sweeper_ = fork();
  if (sweeper_ < 0) refuse(path_, errno);
  if (sweeper_ == 0) sweep(path_, sweepers.get());
  sweepers.reset();
  Made made{.error = ECHILD, .random = {}};
  while (recv(channel_.get(), &made, sizeof made, 0) < 0 && errno == EINTR) continue;
  if (made.error != 0) {
    end_sweeper();
    refuse(path_, made.error);
  }
  path_.replace(path_.size() - kRandom, kRandom, made.random.data(), kRandom);
}

TemporaryDirectory::~TemporaryDirectory() {
  end_sweeper();
  remove(path_);  // somebody may have killed the sweeper
}

void TemporaryDirectory::end_sweeper() noexcept {
  channel_.reset();
  kill(sweeper_, SIGCONT);  // somebody may have stopped it
  while (waitpid(sweeper_, nullptr, 0) < 0 && errno == EINTR) continue;
}

}  // namespace redlock::sandbox

#include "process/background.hpp"

#include "base/error.hpp"
#include "base/signal_set.hpp"
#include "process/descriptors.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <vector>

namespace redlock::process {
namespace {

// No message is longer: it holds a name of 512 bytes, escaped, and a few lines.
constexpr std::size_t kLongestMessage = std::size_t{16} * 1024;

// The starter's death is signalled by TERM, so the process must not inherit that it is ignored or blocked (nohup, a shell's
// trap).
void accept_term() noexcept {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  sigaction(SIGTERM, &by_default, nullptr);
  const sigset_t only = signal_set({SIGTERM});
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
}

}  // namespace

Background Background::start(std::initializer_list<int> keep) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw SystemError{"cannot open a channel to the background process", errno};
  }
  UniqueFd mine{ends[0]};
  UniqueFd theirs{ends[1]};
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw SystemError{"cannot start the background process", errno};
  if (pid > 0) return Background{pid, std::move(mine)};

  setsid();
  accept_term();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(exit_status::kSystem);  // it died just before
  mine.reset();
  replace_by_null(STDIN_FILENO);
  replace_by_null(STDOUT_FILENO);
  std::vector<int> kept{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, theirs.get()};
  kept.insert(kept.end(), keep);
  close_all_but(kept);
  return Background{0, std::move(theirs)};
}

bool Background::send(const std::string& message) const noexcept {
  return ::send(fd_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(message.size());
}

Receipt Background::receive(std::string& message) const {
  std::array<char, kLongestMessage> bytes;
  const ssize_t size = recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size > 0) {
    message.assign(bytes.data(), static_cast<std::size_t>(size));
    return Receipt::Got;
  }
  return size < 0 && (errno == EAGAIN || errno == EINTR) ? Receipt::Nothing : Receipt::Closed;
}

void Background::stop() noexcept {
  kill(pid_, SIGTERM);  // not reaped yet, so it is nobody else
  shutdown(fd_.get(), SHUT_RDWR);
}

int Background::wait() noexcept {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

void Background::await_detach() const noexcept {
  constexpr int limit_ms = 1000;
  pollfd end{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  poll(&end, 1, limit_ms);
}

void Background::detach() {
  prctl(PR_SET_PDEATHSIG, 0);
  replace_by_null(STDERR_FILENO);
  [[maybe_unused]] const int moved = chdir("/");
  fd_.reset();
}

}  // namespace redlock::process

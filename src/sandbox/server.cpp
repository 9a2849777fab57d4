#include "sandbox/server.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace redlock::sandbox {
namespace {

std::vector<std::string> server_arguments(const std::string& executable, const std::vector<std::string>& more,
                                          const redis::NodeEndpoint& endpoint) {
  using enum redis::NodeEndpoint::Transport;
  std::vector<std::string> arguments{executable, "--save",      "",   "--appendonly", "no", "--daemonize",
                                     "no",       "--databases", "16", "--port"};
  if (endpoint.transport == Unix) {
    arguments.insert(arguments.end(), {"0", "--unixsocket", endpoint.path, "--unixsocketperm", "700"});
  } else {
    if (endpoint.transport == Tls) arguments.insert(arguments.end(), {"0", "--tls-port"});
    arguments.insert(arguments.end(), {std::to_string(endpoint.port), "--bind", endpoint.host});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// In the forked child. Only async-signal-safe calls.
[[noreturn]] void become_server(const char* executable, char* const* argv, int log_fd, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(exit_status::kSystem);  // it died before the line above
  setpgid(0, 0);  // a Ctrl-C is for the command; the servers go when it has gone
  sigset_t none{};
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(log_fd, STDOUT_FILENO);
  dup2(log_fd, STDERR_FILENO);
  execv(executable, argv);
  _exit(exit_status::kNotExecutable);
}

}  // namespace

redis::NodeEndpoint Server::free_port() {
  const UniqueFd probe{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!probe || bind(probe.get(), generic, size) != 0 || getsockname(probe.get(), generic, &size) != 0) {
    throw SystemError{"cannot find a free loopback port", errno};
  }
  redis::NodeEndpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = ntohs(address.sin_port);
  return endpoint;
}

// Older servers cut a path that is too long, and listen where nobody looks.
redis::NodeEndpoint Server::unix_socket(const std::string& path) {
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > longest) {
    throw Error{
        exit_status::kSystem,
        fmt::format("cannot put a socket at {}: its path may have {} bytes at the most. Set TMPDIR to a "
                    "shorter one",
                    printable(path), longest)};
  }
  redis::NodeEndpoint endpoint;
  endpoint.transport = redis::NodeEndpoint::Transport::Unix;
  endpoint.path = path;
  return endpoint;
}

Server::Server(const std::string& executable, const std::vector<std::string>& more,
               redis::NodeEndpoint endpoint, const std::string& log)
    : endpoint_{std::move(endpoint)}, log_{log} {
  const UniqueFd log_fd{open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
  if (!log_fd) throw SystemError{"cannot create " + log, errno};
  std::vector<std::string> arguments = server_arguments(executable, more, endpoint_);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become_server(executable.c_str(), argv.data(), log_fd.get(), parent);
  if (pid_ < 0) throw SystemError{"cannot start " + executable, errno};
}

Server::Server(Server&& other) noexcept
    : endpoint_{std::move(other.endpoint_)},
      log_{std::move(other.log_)},
      pid_{std::exchange(other.pid_, -1)} {
}

Server& Server::operator=(Server&& other) noexcept {
  std::swap(endpoint_, other.endpoint_);
  std::swap(log_, other.log_);
  std::swap(pid_, other.pid_);
  return *this;
}

Server::~Server() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);  // it has nothing to save
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

bool Server::alive() {
  if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

}  // namespace redlock::sandbox

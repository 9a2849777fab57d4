#include "process/children.hpp"

#include "base/error.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <string_view>

namespace redlock::process {
namespace {

// "PID/task/TID/children" in the largest numbers takes less.
using Path = std::array<char, 64>;

char* put(char* at, const char* text) noexcept {
  while (*text != '\0') *at++ = *text++;
  return at;
}

char* put(char* at, pid_t pid) noexcept {
  return std::to_chars(at, at + 16, pid).ptr;
}

// Adds the children in an open list of one thread.
bool add_listed(int list, PidList& pids) noexcept {
  std::array<char, 4096> text;
  pid_t pid = 0;  // the end of the buffer may cut a number
  ssize_t size = 0;
  while ((size = read(list, text.data(), text.size())) > 0) {
    for (const char* at = text.data(); at < text.data() + size; ++at) {
      if (*at >= '0' && *at <= '9') {
        pid = pid * 10 + (*at - '0');
      } else if (pid > 0) {
        pids.add(pid);
        pid = 0;
      }
    }
  }
  return size == 0;
}

void add_children_of_thread(int proc, pid_t process, const char* thread, PidList& pids) noexcept {
  Path path{};
  put(put(put(put(path.data(), process), "/task/"), thread), "/children");
  if (const UniqueFd list{openat(proc, path.data(), O_RDONLY | O_CLOEXEC)}) add_listed(list.get(), pids);
}

// The pid of this process in /proc; 0 without a readable /proc.
pid_t own_pid_in_proc() noexcept {
  std::array<char, 16> text{};
  const ssize_t size = readlink("/proc/self", text.data(), text.size());
  pid_t pid = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
  return pid;
}

}  // namespace

bool ChildLists::open() noexcept {
  if (own_) return true;
  if (!proc_) proc_.reset(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc_) return false;
  ours_ = own_pid_in_proc() == getpid();
  own_.reset(openat(proc_.get(), "thread-self/children", O_RDONLY | O_CLOEXEC));
  return static_cast<bool>(own_);
}

bool ChildLists::add_own(PidList& pids) noexcept {
  return lseek(own_.get(), 0, SEEK_SET) == 0 && add_listed(own_.get(), pids);
}

void ChildLists::add_children_of(pid_t pid, PidList& pids) const noexcept {
  Path path{};
  char* const end = put(path.data(), pid);
  put(end, "/task");
  struct stat folder {};
  if (fstatat(proc_.get(), path.data(), &folder, 0) != 0) return;
  constexpr nlink_t links_of_one_thread = 3;
  if (folder.st_nlink <= links_of_one_thread) {
    *end = '\0';
    return add_children_of_thread(proc_.get(), pid, path.data(), pids);
  }
  const UniqueFd tasks{openat(proc_.get(), path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!tasks) return;
  alignas(dirent64) std::array<char, 4096> buffer;
  ssize_t filled = 0;
  while ((filled = getdents64(tasks.get(), buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < filled;) {
      const auto* const name = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += name->d_reclen;
      if (name->d_name[0] != '.') add_children_of_thread(proc_.get(), pid, name->d_name, pids);
    }
  }
}

bool ChildLists::has_name(pid_t pid, const char* name) const noexcept {
  Path path{};
  put(put(path.data(), pid), "/comm");
  const UniqueFd file{openat(proc_.get(), path.data(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 32> text{};
  const ssize_t size = file ? read(file.get(), text.data(), text.size()) : 0;
  return size > 1 && std::string_view{text.data(), static_cast<std::size_t>(size - 1)} == name;
}

// In any /proc, the folder of a process can serve as its pidfd (pidfd_send_signal(2)), whichever namespace its pid is from.
int ChildLists::send(pid_t pid, int signal) const noexcept {
  if (ours_) return kill(pid, signal) == 0 ? 0 : errno;
  Path path{};
  put(path.data(), pid);
  const UniqueFd process{openat(proc_.get(), path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!process) return errno;
  return syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0 ? 0 : errno;
}

ChildLists open_child_lists() {
  ChildLists lists;
  const pid_t self = own_pid_in_proc();
  if (self == 0) {
    throw SystemError{
        "cannot run a command: /proc, by which redlock finds the processes that it may have to stop, cannot "
        "be read. "
        "Mount it (`mount -t proc proc /proc`)",
        errno};
  }
  if (!lists.open()) {
    throw SystemError{
        "cannot run a command: the kernel does not list the processes that redlock may have to stop "
        "(CONFIG_PROC_CHILDREN)",
        errno};
  }
  // In another namespace's /proc, signals are sent by way of the folders of the processes, so all of them must be
  // accessible. hidepid hides that of process 1 whenever it hides any other.
  if (self != getpid() && !UniqueFd{open("/proc/1", O_RDONLY | O_DIRECTORY | O_CLOEXEC)}) {
    throw SystemError{
        "cannot run a command: /proc belongs to another pid namespace and hides processes that redlock may "
        "have to "
        "stop (hidepid). Mount one for this namespace (`unshare --mount-proc`)",
        errno};
  }
  return lists;
}

std::vector<pid_t> existing_children(ChildLists& lists) {
  siginfo_t info{};
  if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return {};
  PidList children;
  lists.add_own(children);
  return {children.all().begin(), children.all().end()};
}

}  // namespace redlock::process

#include "fence/fence_file.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace redlock::fence {
namespace {

// O_NONBLOCK: should the path have become a FIFO or a device, it is refused without waiting for it.
constexpr int kOpenFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

[[noreturn]] void refuse(const std::string& path, std::string_view why) {
  throw Error{exit_status::kSystem, fmt::format("cannot use {} as a fence file: {}", quoted(path), why)};
}

[[noreturn]] void refuse_access(const std::string& path, int error_number) {
  refuse(path, errno_text(error_number));
}

std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return "a directory: name a file in it, such as '.fence'";
    case S_IFLNK: return "a symbolic link: name the file itself";
    case S_IFIFO: return "a FIFO: name a regular file";
    case S_IFSOCK: return "a socket: name a regular file";
    default: return "a device: name a regular file";
  }
}

void check_kind(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) refuse(path, fmt::format("it is {}", kind_of(status.st_mode)));
}

// Looks at the path before it is opened, for opening a device can have effects. -1 and ENOENT if there is no such file.
int open_existing(const std::string& path, int access) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return -1;
  check_kind(path, status);
  return ::open(path.c_str(), access | kOpenFlags);
}

// Not with one open(2): with O_CREAT it may refuse the file of another user in a directory like /tmp
// (fs.protected_regular in proc(5)).
UniqueFd open_or_create(const std::string& path, bool& created) {
  for (;;) {
    UniqueFd fd{open_existing(path, O_RDWR)};
    created = !fd && errno == ENOENT;
    if (created) fd.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | kOpenFlags, 0666));
    if (fd) return fd;
    const bool created_meanwhile = errno == EEXIST;
    if (!created_meanwhile) refuse_access(path, errno);
  }
}

// Whether the path still leads to the open file: it may have been deleted or replaced during the wait, and then the lock
// excludes nobody.
bool is_at(const std::string& path, int fd) {
  struct stat open_file {};
  struct stat found {};
  if (fstat(fd, &open_file) != 0) refuse_access(path, errno);
  check_kind(path, open_file);
  return lstat(path.c_str(), &found) == 0 && found.st_dev == open_file.st_dev &&
         found.st_ino == open_file.st_ino;
}

// One byte more than a fence file has, if there is one.
std::string read_content(const std::string& path, int fd) {
  std::array<char, kLineBytes + 1> buffer;
  const ssize_t got = pread(fd, buffer.data(), buffer.size(), 0);
  if (got < 0) refuse_access(path, errno);
  return {buffer.data(), static_cast<std::size_t>(got)};
}

// The message does not show the content: it may be that of a password file.
Fence fence_in(const std::string& path, std::string_view content) {
  const auto fence = parse_content(content);
  if (!fence) refuse(path, "it holds something other than one number below 2^53: is it another file?");
  return *fence;
}

// A limit below the end of the line would cut the write, and leave digits of two fences.
void check_file_size_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < kLineBytes) {
    throw SystemError{"the limit of the size of files (ulimit -f) leaves no room for a fence", EFBIG};
  }
}

void write_and_sync(int fd, std::string_view text, off_t offset) {
  const ssize_t written = pwrite(fd, text.data(), text.size(), offset);
  if (written >= 0 && written != static_cast<ssize_t>(text.size())) errno = ENOSPC;
  if (written != static_cast<ssize_t>(text.size()) || fdatasync(fd) != 0) {
    throw SystemError{"cannot write to it", errno};
  }
}

// The name of a file is on the disk only once its directory is. As PostgreSQL does, lets it pass where a directory may not
// be read or the file system cannot sync one.
void sync_directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const UniqueFd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd && errno == EACCES) return;
  if (!fd || (fsync(fd.get()) != 0 && errno != EINVAL)) throw SystemError{"cannot sync its directory", errno};
}

}  // namespace

Fence read_fence_file(const std::string& path) {
  const UniqueFd fd{open_existing(path, O_RDONLY)};
  if (!fd) refuse_access(path, errno);
  // A reader can see a line that is half replaced, for an instant.
  std::string content = read_content(path, fd.get());
  for (std::string again; (again = read_content(path, fd.get())) != content;) content = std::move(again);
  return fence_in(path, content);
}

std::optional<FenceFile> FenceFile::open(const std::string& path, LockWait& wait) {
  for (;;) {
    bool created = false;
    UniqueFd fd = open_or_create(path, created);
    if (!wait.lock(fd.get())) return std::nullopt;
    if (!is_at(path, fd.get())) continue;
    const std::string content = read_content(path, fd.get());
    FenceFile file{path, std::move(fd), content, fence_in(path, content)};
    file.created_ = created;
    return file;
  }
}

FenceFile::FenceFile(std::string path, UniqueFd fd, const std::string& content, Fence seen)
    : path_{std::move(path)}, fd_{std::move(fd)}, seen_{seen} {
  if (content != fence_line(seen)) padding_ = padding_of(content);
}

// Also writes a fence that is there already: the page may be in memory only, by a process that was killed before its
// fdatasync(2), or marked as written after an error.
void FenceFile::record(Fence fence) {
  try {
    check_file_size_limit();
    // Even if nothing is missing: what pads the line may be in memory only, and then a crash could cut the new line short.
    if (padding_) {
      write_and_sync(fd_.get(), *padding_, static_cast<off_t>(kLineBytes - padding_->size()));
      padding_.reset();
    }
    // Each time: no mark on the file tells reliably that a rename has put it in place since the last time.
    sync_directory_of(path_);
    write_and_sync(fd_.get(), fence_line(fence), 0);
  } catch (const SystemError& error) {
    throw Error{error.status(),
                fmt::format("cannot record fence {} in {}: {}", fence, quoted(path_), error.what())};
  }
  seen_ = fence;
}

bool FenceFile::is_intact() const {
  return is_at(path_, fd_.get()) && read_content(path_, fd_.get()) == fence_line(seen_);
}

// A shell script uses 3 to 9 for files of its own, and would close the lock without a word.
void FenceFile::share_with_children() {
  constexpr int lowest = 10;
  if (fcntl(fd_.get(), F_DUPFD, lowest) >= 0) return;
  const bool limit_is_lower = errno == EINVAL;
  throw SystemError{"cannot hand down the lock", limit_is_lower ? EMFILE : errno};
}

}  // namespace redlock::fence

#pragma once

#include "base/fd.hpp"
#include "fence/fence_line.hpp"
#include "fence/lock_wait.hpp"

#include <optional>
#include <string>

namespace redlock::fence {

// The greatest fence that the file has seen, without its lock: a command that holds the lock may run for hours. Throws Error
// (exit status 71) if there is no such file, or if it is no fence file.
Fence read_fence_file(const std::string& path);

// A fence file under an exclusive flock(2). The file has, after any end of redlock or the machine, the old fence or the new
// one: a line of fixed width is replaced in place, within one sector, and a shorter file is padded with blanks first. So a file
// that a crash has left blank has seen no fence whose command has run.
class FenceFile {
 public:
  // Opens or creates the file (as the umask says) and locks it. Nothing if the wait was in vain. Throws Error (71) for all
  // that is no regular file, symbolic links included, and for content that is no fence.
  static std::optional<FenceFile> open(const std::string& path, LockWait& wait);

  // The greatest fence that it has seen; 0: none.
  Fence seen() const noexcept { return seen_; }

  // Whether open() has created it.
  bool created() const noexcept { return created_; }

  // Makes `fence`, which is at least seen(), the greatest. It is on the disk on return. Throws Error (71) if it may not be:
  // then nothing may be written in its name.
  void record(Fence fence);

  // Whether the path still leads to the file, and the file holds what record() has written. If not, the lock excludes nobody,
  // or the fence is forgotten. Throws Error (71).
  bool is_intact() const;

  // Lets the programs that this process executes have the file, in descriptor 10 or the first free one above: the lock lasts
  // until the last of them has ended.
  void share_with_children();

 private:
  FenceFile(std::string path, UniqueFd fd, const std::string& content, Fence seen);

  std::string path_;
  UniqueFd fd_;
  std::optional<std::string> padding_;  // nothing: the content is a whole line of redlock's
  Fence seen_;
  bool created_ = false;
};

}  // namespace redlock::fence

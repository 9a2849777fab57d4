#pragma once

#include <sys/types.h>

#include <utility>

namespace redlock::process {

// Owns a child process: kills and reaps it on destruction. Until it is reaped, no other process can get its pid.
class OwnedChild {
 public:
  OwnedChild() = default;
  explicit OwnedChild(pid_t pid) noexcept : pid_{pid} {}
  OwnedChild(OwnedChild&& other) noexcept : pid_{std::exchange(other.pid_, -1)} {}
  OwnedChild& operator=(OwnedChild&& other) noexcept {
    if (this != &other) {
      end();
      pid_ = std::exchange(other.pid_, -1);
    }
    return *this;
  }
  OwnedChild(const OwnedChild&) = delete;
  OwnedChild& operator=(const OwnedChild&) = delete;
  ~OwnedChild() { end(); }

  explicit operator bool() const noexcept { return pid_ > 0; }
  pid_t pid() const noexcept { return pid_; }

  // Kills it and returns once it is dead. False if it could not be reaped because another process traces it.
  bool end() noexcept;

 private:
  pid_t pid_ = -1;
};

}  // namespace redlock::process

#pragma once

#include <array>

namespace redlock::process {

// The name in ps(1) of a redlock whose command runs under the lease of a run above it.
inline constexpr const char* kNestedName = "redlock-nested";

// While it lives, this process has that name. A guard that finds it below itself when its command has ended keeps the lock until
// all that the command has left running has ended. Set the mark first and look for the guard then: a guard first changes its own
// name (kEndingGuardName) and looks for the mark then, so that one of the two sees the other.
class NestedMark {
 public:
  NestedMark() noexcept;
  NestedMark(const NestedMark&) = delete;
  NestedMark& operator=(const NestedMark&) = delete;
  ~NestedMark();

 private:
  std::array<char, 16> found_{};
};

}  // namespace redlock::process

#pragma once

#include "base/clock.hpp"

#include <functional>
#include <span>
#include <string_view>

namespace redlock::cli {

enum class WriteResult {
  Done,
  Failed,       // said so
  TooLate,      // nobody took it until the time was up
  Interrupted,  // before anything was written
};

// Writes `text` to standard output: all of it, or what is not done is known. While its reader is slow, and as long as
// nothing is written, a descriptor of `wake_fds` that becomes readable ends it if `interrupted` says so.
WriteResult write_token(std::string_view text, TimePoint until, std::span<const int> wake_fds,
                        const std::function<bool()>& interrupted);

// Throws Error (71) where standard output was closed at start: asking for the lock would be in vain.
void require_standard_output();

}  // namespace redlock::cli

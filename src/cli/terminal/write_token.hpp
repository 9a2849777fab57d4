#pragma once

#include "base/clock.hpp"

#include <functional>
#include <span>
#include <string_view>

namespace redlock::cli {

enum class WriteResult {
  Done,
  Failed,       // after an error message
  TooLate,      // nobody read it in time
  Interrupted,  // before anything was written
};

// Writes all of `text` to standard output, or returns why not. Before the first byte is written, a readable descriptor of
// `wake_fds` ends it if `interrupted` returns true.
WriteResult write_token(std::string_view text, TimePoint until, std::span<const int> wake_fds,
                        const std::function<bool()>& interrupted);

// Throws Error (71) if standard output was closed at start, so that no lock is acquired in vain.
void require_standard_output();

}  // namespace redlock::cli

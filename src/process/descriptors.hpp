#pragma once

#include <initializer_list>

namespace redlock::process {

// Call first in main. Where descriptor 0, 1 or 2 was closed at start, puts /dev/null (close-on-exec) in the
// hole, so that no socket of ours gets that number and a message to stderr lands in a Redis connection. The
// command finds them closed, as redlock was given them. Throws SystemError when the kernel refuses.
void reserve_standard_descriptors();

// Closes every descriptor but these. Async-signal-safe. On a kernel without close_range(2) (before 5.9)
// closes nothing: that only keeps files open a little longer.
void close_all_but(std::initializer_list<int> keep) noexcept;

}  // namespace redlock::process

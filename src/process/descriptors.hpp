#pragma once

#include <initializer_list>
#include <span>

namespace redlock::process {

// Call first in main. Where descriptor 0, 1 or 2 was closed at start, puts /dev/null (close-on-exec) in the
// hole, so that no socket of ours gets that number and a message to stderr lands in a Redis connection. The
// command finds them closed, as redlock was given them. Throws SystemError when the kernel refuses.
void reserve_standard_descriptors();

// Whether this one of them was closed at start. Before anything else is put there.
bool was_closed_at_start(int standard_descriptor) noexcept;

// Puts /dev/null in place of a descriptor. Throws SystemError when the kernel refuses.
void replace_by_null(int fd);

// Lets go of all that redlock was given for its command, but for standard error: the other end of a pipe is to hear of it
// when the command closes its own. As far as the kernel permits.
void close_inherited_descriptors() noexcept;

// Closes every descriptor but these; on a kernel without close_range(2) (before 5.9), of the first thousand.
// Async-signal-safe.
void close_all_but(std::span<const int> keep) noexcept;
inline void close_all_but(std::initializer_list<int> keep) noexcept {
  close_all_but(std::span{keep.begin(), keep.size()});
}

}  // namespace redlock::process

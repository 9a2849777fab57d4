#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>

namespace redlock::process {

// Call first in main. If descriptor 0, 1 or 2 is closed, opens /dev/null (close-on-exec) there: otherwise a socket could get
// the number, and a message to stderr would land in a Redis connection. The command finds them closed, as redlock did.
// Throws SystemError when the kernel refuses.
void reserve_standard_descriptors();

// Whether a standard descriptor was closed at the start. Only valid until something else is put there.
bool was_closed_at_start(int standard_descriptor) noexcept;

// Puts /dev/null in place of a descriptor. Throws SystemError when the kernel refuses.
void replace_by_null(int fd);

// Throws Error, exit 71, if this process may not open so many more descriptors. It does not count those that are open while
// the limit is far away.
void require_descriptors(std::size_t needed);

// Closes everything that redlock inherited, except for standard error: when the command closes its end of a pipe, the
// process at the other end must notice. As far as the kernel permits.
void close_inherited_descriptors() noexcept;

// Closes every descriptor except for these; on a kernel without close_range(2) (before 5.9) only those below 1024.
// Async-signal-safe.
void close_all_but(std::span<const int> keep) noexcept;
inline void close_all_but(std::initializer_list<int> keep) noexcept {
  close_all_but(std::span{keep.begin(), keep.size()});
}

}  // namespace redlock::process

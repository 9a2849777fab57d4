// Replaces the operator delete of the whole program with one that wipes what is freed. Passwords live in Secrets, but on
// their way there they pass through strings of the TOML and the command line parsers, which wipe nothing. A run frees
// some kilobytes in all, so this costs microseconds.
//
// Not in a build with sanitizers, which bring an operator delete of their own and poison what is freed.
#include <malloc.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

// Memory from operator new is memory from malloc(3), in libstdc++ as everywhere; the other forms come down to this one.
void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  explicit_bzero(memory, malloc_usable_size(memory));
  std::free(memory);  // NOLINT: this is operator delete
}

void operator delete(void* memory, std::size_t) noexcept {
  ::operator delete(memory);
}

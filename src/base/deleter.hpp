#pragma once

namespace redlock {

// For a unique_ptr to what a C library has made: the function by which that library wants it back.
template <auto Function>
struct Deleter {
  template <class T>
  void operator()(T* thing) const noexcept {
    Function(thing);
  }
};

}  // namespace redlock

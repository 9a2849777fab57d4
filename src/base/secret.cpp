#include "base/secret.hpp"

#include <cstring>
#include <utility>

namespace redlock {

// A short string is copied by a move, so the source is wiped as well.
Secret::Secret(Secret&& other) noexcept : value_{std::move(other.value_)} {
  other.wipe();
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
  }
  return *this;
}

void Secret::wipe() noexcept {
  explicit_bzero(value_.data(), value_.size());
  value_.clear();
}

}  // namespace redlock

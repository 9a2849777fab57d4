#include "base/secret.hpp"

#include <cstring>
#include <utility>

namespace redlock {

namespace {

// Wipes the whole capacity: a short string that was moved from is empty and still has its bytes.
void wipe_string(std::string& text) noexcept {
  text.resize(text.capacity());  // NOLINT(clang-analyzer-cplusplus.Move): what is left there is the point
  explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace

Secret::Secret(std::string&& value) noexcept : value_{std::move(value)} {
  wipe_string(
      value);  // NOLINT(clang-analyzer-cplusplus.Move): a short one keeps its bytes when it is moved from
}

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
  wipe_string(value_);
}

}  // namespace redlock

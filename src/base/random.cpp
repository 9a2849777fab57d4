#include "base/random.hpp"

#include "base/error.hpp"

#include <sys/random.h>

#include <cerrno>
#include <iterator>

namespace redlock {

double Entropy::unit() {
  return static_cast<double>(next() >> 11U) * 0x1.0p-53;
}

std::uint64_t SystemEntropy::next() {
  if (left_ == 0) {
    // Up to 256 bytes are never cut short or interrupted once the pool is ready (getrandom(2)).
    if (getrandom(buffer_, sizeof buffer_, 0) != static_cast<ssize_t>(sizeof buffer_)) {
      throw SystemError{"cannot get random bytes for the token", errno};
    }
    left_ = std::size(buffer_);
  }
  return buffer_[--left_];
}

namespace {

constexpr char kDigits[] = "0123456789abcdef";

}  // namespace

std::string random_hex_token(Entropy& entropy) {
  std::string hex;
  hex.reserve(40);
  while (hex.size() < 40) {
    std::uint64_t bits = entropy.next();
    for (int i = 0; i < 16 && hex.size() < 40; ++i, bits >>= 4U) hex.push_back(kDigits[bits & 15U]);
  }
  return hex;
}

}  // namespace redlock

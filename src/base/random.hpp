#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace redlock {

// The source of tokens and jitter. A simulator passes a seeded one.
class Entropy {
 public:
  Entropy() = default;
  Entropy(const Entropy&) = delete;
  Entropy& operator=(const Entropy&) = delete;
  virtual ~Entropy() = default;

  // 64 uniformly distributed bits.
  virtual std::uint64_t next() = 0;

  // A uniformly distributed number in [0, 1).
  double unit();
};

// getrandom(2). Throws SystemError when the kernel refuses.
class SystemEntropy final : public Entropy {
 public:
  std::uint64_t next() override;

 private:
  std::uint64_t buffer_[8]{};
  std::size_t left_ = 0;
};

// 20 bytes (160 bits) in lower-case hex: 40 characters.
std::string random_hex_token(Entropy& entropy);

}  // namespace redlock

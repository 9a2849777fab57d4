#include "process/pid_list.hpp"

#include <sys/mman.h>

namespace redlock::process {
namespace {

constexpr std::size_t kPidLimit = std::size_t{1} << 22;  // PID_MAX_LIMIT of the kernel
constexpr std::size_t kSetBytes = kPidLimit / 8;
constexpr std::size_t kWordBits = 64;

void* map(std::size_t bytes) noexcept {
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

PidList::~PidList() {
  if (table_ != nullptr) munmap(table_, capacity_ * sizeof(pid_t));
}

void PidList::add(pid_t pid) noexcept {
  if (size_ == capacity_) {
    const std::size_t wanted = capacity_ == 0 ? 4096 : capacity_ * 2;
    void* const grown =
        table_ == nullptr ? map(wanted * sizeof(pid_t))
                          : mremap(table_, capacity_ * sizeof(pid_t), wanted * sizeof(pid_t), MREMAP_MAYMOVE);
    if (grown == nullptr || grown == MAP_FAILED) return;
    table_ = static_cast<pid_t*>(grown);
    capacity_ = wanted;
  }
  table_[size_++] = pid;
}

PidSet::~PidSet() {
  if (bits_ != nullptr) munmap(bits_, kSetBytes);
}

bool PidSet::add(pid_t pid) noexcept {
  if (bits_ == nullptr) bits_ = static_cast<std::uint64_t*>(map(kSetBytes));
  const auto number = static_cast<std::size_t>(pid);
  if (bits_ == nullptr || number >= kPidLimit) return true;
  std::uint64_t& word = bits_[number / kWordBits];
  const std::uint64_t bit = std::uint64_t{1} << (number % kWordBits);
  const bool added = (word & bit) == 0;
  word |= bit;
  return added;
}

void PidSet::remove(pid_t pid) noexcept {
  const auto number = static_cast<std::size_t>(pid);
  if (bits_ != nullptr && number < kPidLimit)
    bits_[number / kWordBits] &= ~(std::uint64_t{1} << (number % kWordBits));
}

void PidSet::clear() noexcept {
  if (bits_ != nullptr) madvise(bits_, kSetBytes, MADV_DONTNEED);
}

}  // namespace redlock::process

#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace redlock::process {

// A list of pids in memory from mmap(2), since a child forked from a program with threads must not use the heap. Drops pids
// when memory runs out.
class PidList {
 public:
  PidList() = default;
  PidList(const PidList&) = delete;
  PidList& operator=(const PidList&) = delete;
  ~PidList();

  void add(pid_t pid) noexcept;
  void clear() noexcept { size_ = 0; }
  std::size_t size() const noexcept { return size_; }
  pid_t operator[](std::size_t index) const noexcept { return table_[index]; }
  std::span<const pid_t> all() const noexcept { return {table_, size_}; }
  bool contains(pid_t pid) const noexcept { return std::find(table_, table_ + size_, pid) != table_ + size_; }

  template <typename Condition>
  void remove_if(Condition condition) noexcept {
    size_ = static_cast<std::size_t>(std::remove_if(table_, table_ + size_, condition) - table_);
  }

 private:
  pid_t* table_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// A set of pids: a bit for each that the kernel can assign. Only the pages that are touched take memory.
class PidSet {
 public:
  PidSet() = default;
  PidSet(const PidSet&) = delete;
  PidSet& operator=(const PidSet&) = delete;
  ~PidSet();

  // True if `pid` was not in the set, or there is no memory for the set.
  bool add(pid_t pid) noexcept;
  void remove(pid_t pid) noexcept;
  void clear() noexcept;

 private:
  std::uint64_t* bits_ = nullptr;
};

}  // namespace redlock::process

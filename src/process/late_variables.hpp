#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace redlock::process {

// Environment variables of the command whose values are known only when its guard has been forked already: in memory
// that both processes see (MAP_SHARED).
class LateVariables {
 public:
  static constexpr std::size_t kMost = 4;    // variables
  static constexpr std::size_t kSize = 256;  // bytes of "NAME=value", with the null byte at its end

  // Empty ones. Throws SystemError when the kernel refuses; std::length_error when there are too many, or too long ones.
  explicit LateVariables(const std::vector<std::string>& names);
  LateVariables(const LateVariables&) = delete;
  LateVariables& operator=(const LateVariables&) = delete;
  ~LateVariables();

  // Before the command is started. Throws std::length_error when it is too long, std::out_of_range when there is no such
  // variable.
  void set(const std::string& name, std::string_view value);

  const std::vector<std::string>& names() const noexcept { return names_; }
  // "NAME=value"; i < names().size().
  char* entry(std::size_t i) const noexcept { return (*entries_)[i].data(); }

 private:
  using Entries = std::array<std::array<char, kSize>, kMost>;

  void write(std::size_t i, std::string_view value);

  std::vector<std::string> names_;
  Entries* entries_ = nullptr;
};

}  // namespace redlock::process

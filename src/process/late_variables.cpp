#include "process/late_variables.hpp"

#include "base/error.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>

namespace redlock::process {

LateVariables::LateVariables(const std::vector<std::string>& names) : names_{names} {
  if (names_.size() > kMost) throw std::length_error{"too many late variables"};
  const auto too_long = [](const std::string& name) { return name.size() + sizeof "=" > kSize; };
  if (std::any_of(names_.begin(), names_.end(), too_long)) throw std::length_error{"a late variable's name"};
  if (names_.empty()) return;
  void* page = mmap(nullptr, sizeof(Entries), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw SystemError{"cannot share memory with the guard", errno};
  entries_ = new (page) Entries{};
  for (std::size_t i = 0; i < names_.size(); ++i) write(i, {});
}

LateVariables::~LateVariables() {
  if (entries_ != nullptr) munmap(entries_, sizeof(Entries));
}

void LateVariables::set(const std::string& name, std::string_view value) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) throw std::out_of_range{"no such late variable"};
  write(static_cast<std::size_t>(found - names_.begin()), value);
}

void LateVariables::write(std::size_t i, std::string_view value) {
  const std::string text = names_[i] + '=' + std::string{value};
  if (text.size() >= kSize) throw std::length_error{"a late variable's value"};
  std::copy_n(text.c_str(), text.size() + 1, entry(i));
}

}  // namespace redlock::process

#pragma once

#include <string>
#include <string_view>

namespace redlock {

// A password. It has no output operator and no conversion to text, so it cannot slip into a message; its
// memory is wiped (explicit_bzero(3)) when it goes.
class Secret {
 public:
  Secret() = default;
  // Takes the text over and wipes what is left of it where it was.
  explicit Secret(std::string&& value) noexcept;
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  bool empty() const noexcept { return value_.empty(); }
  // The value itself: only for the AUTH command and for comparing.
  std::string_view reveal() const noexcept { return value_; }

 private:
  void wipe() noexcept;
  std::string value_;
};

}  // namespace redlock

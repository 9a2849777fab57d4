#pragma once

#include <string>
#include <string_view>

namespace redlock {

// A password. It has no output operator and no conversion to text, so it cannot slip into a message. Its memory is wiped
// (explicit_bzero(3)) on destruction.
class Secret {
 public:
  Secret() = default;
  // Takes the text over and wipes what is left in `value`.
  explicit Secret(std::string&& value) noexcept;
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  bool empty() const noexcept { return value_.empty(); }
  bool operator==(const Secret&) const = default;
  // For what is sent or parsed, never for messages.
  std::string_view reveal() const noexcept { return value_; }

 private:
  void wipe() noexcept;
  std::string value_;
};

}  // namespace redlock

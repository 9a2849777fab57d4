#include "base/error.hpp"

#include <cctype>
#include <cstring>

namespace redlock {

std::string errno_text(int error_number) {
  const char* description = strerrordesc_np(error_number);
  if (description == nullptr) return "error " + std::to_string(error_number);
  std::string text{description};
  // "Connection refused" becomes lower case; "RPC version wrong" keeps its capitals.
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

SystemError::SystemError(const std::string& what, int error_number)
    : Error{exit_status::kSystem, what + ": " + errno_text(error_number)} {
}

}  // namespace redlock

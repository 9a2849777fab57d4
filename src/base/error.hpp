#pragma once

#include <stdexcept>
#include <string>

namespace redlock {

// Exit statuses that scripts may rely on (DESIGN section 2; 64-78 are those of sysexits.h).
namespace exit_status {
inline constexpr int kYes = 0;        // success; held; it was ours
inline constexpr int kNo = 1;         // free; it was not ours
inline constexpr int kUsage = 64;     // wrong command line
inline constexpr int kNoQuorum = 69;  // too few nodes answered: could not ask
inline constexpr int kInternal = 70;  // a defect of redlock
inline constexpr int kSystem = 71;    // the operating system refused
inline constexpr int kConflict = 75;  // somebody else holds the lock
inline constexpr int kConfig = 78;    // bad configuration
inline constexpr int kLost = 79;      // the lock was lost while the command ran
inline constexpr int kNotExecutable = 126;
inline constexpr int kNotFound = 127;
inline constexpr int kSignalBase = 128;  // 128+N: signal N ended the command
}  // namespace exit_status

// Ends the program: thrown anywhere, caught once, in cli. what() is the message for the user without the "redlock: " prefix:
// one line, without secrets.
class Error : public std::runtime_error {
 public:
  Error(int status, const std::string& message) : std::runtime_error{message}, status_{status} {}
  int status() const noexcept { return status_; }

 private:
  int status_;
};

// The command line is wrong: exit 64.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error{exit_status::kUsage, message} {}
};

// The configuration is wrong: exit 78. The message names file, line, column and key where there are any.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& message) : Error{exit_status::kConfig, message} {}
};

// The operating system refused: exit 71. `what` says what failed; the text of `error_number` is added.
class SystemError : public Error {
 public:
  SystemError(const std::string& what, int error_number);
};

// The text of an errno value ("connection refused"), in lower case; thread safe.
std::string errno_text(int error_number);

}  // namespace redlock

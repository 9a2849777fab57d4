#pragma once

#include "cli/args/options.hpp"

#include <string>
#include <vector>

namespace redlock::cli {

// What the user asked for: a command, or a text to print (--help, --version).
struct Invocation {
  const CommandRow* command = nullptr;
  Arguments arguments{};
  std::string text{};  // where there is no command
};

// Throws UsageError with a message that says what would be right.
Invocation parse_command_line(const std::vector<std::string>& args);

}  // namespace redlock::cli

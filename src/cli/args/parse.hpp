#pragma once

#include "cli/args/options.hpp"

#include <string>
#include <vector>

namespace redlock::cli {

// A command to execute, or a text to print (--help, --version).
struct Invocation {
  const CommandRow* command = nullptr;
  Arguments arguments{};
  std::string text{};  // if there is no command
};

// Throws UsageError with a message that says what is right.
Invocation parse_command_line(const std::vector<std::string>& args);

}  // namespace redlock::cli

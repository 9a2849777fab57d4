#pragma once

#include "cli/args/commands.hpp"

#include <string>

namespace redlock::cli {

// The text of --help for a command, or for the program if `command` is nullptr.
std::string help_text(const CommandRow* command);

}  // namespace redlock::cli

#pragma once

#include "cli/args/commands.hpp"

#include <string>

namespace redlock::cli {

// What --help prints of a command, or of the program where there is none (nullptr).
std::string help_text(const CommandRow* command);

}  // namespace redlock::cli

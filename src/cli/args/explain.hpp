#pragma once

#include "cli/args/commands.hpp"

#include <span>
#include <string>
#include <vector>

// Says what is wrong with a command line that CLI11 refuses, and what would be right. `command`: the one that was meant; nullptr:
// none that is known.
namespace redlock::cli {

// "redlock run NAME... -- COMMAND"
std::string usage_of(const CommandRow& command);
// "see 'redlock run --help'"
std::string see_help(const CommandRow* command);

// `extras`: the words that have no meaning. `separated`: the command line has a "--".
std::string explain_extras(const std::vector<std::string>& extras, bool separated, const CommandRow* command);

std::string explain_missing_command(std::span<const std::string> args);

// CLI11's `text` about an option or argument, in our words.
std::string explain_mistake(std::string_view text);

}  // namespace redlock::cli

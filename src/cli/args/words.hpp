#pragma once

#include "cli/args/commands.hpp"

#include <span>
#include <string>
#include <vector>

// Words of the command line on their way through CLI11.
namespace redlock::cli {

// CLI11 takes "--note=" for an option whose value is the next word, "[x,y]" for two words, and "++" for the end of a
// command's arguments. It gets all values of that kind with a guard in front. Throws UsageError for an option without a
// value that has one: CLI11 would read "--quiet=no" as the absence of --quiet.
std::vector<std::string> guarded(std::span<const std::string> words, const CommandRow* command);

// The value as it was typed.
std::string unguarded(const std::string& value);

}  // namespace redlock::cli

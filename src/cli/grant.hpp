#pragma once

#include "base/clock.hpp"
#include "cli/args/options.hpp"
#include "quorum/acquire_verdict.hpp"

#include <string>

namespace redlock::cli {

// The output of `acquire`: the token, assignments for the eval of a POSIX shell, or a JSON object. Ends in a newline.
std::string format_grant(const Arguments& arguments, const quorum::Won& won, Now now);

}  // namespace redlock::cli

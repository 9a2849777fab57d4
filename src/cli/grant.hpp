#pragma once

#include "base/clock.hpp"
#include "cli/args/options.hpp"
#include "quorum/acquire_op.hpp"

#include <string>

namespace redlock::cli {

// What `acquire` prints of a grant, with its last newline: the token; assignments for the eval of a POSIX shell; or a
// JSON object.
std::string format_grant(const Arguments& arguments, const quorum::Won& won, Now now);

}  // namespace redlock::cli

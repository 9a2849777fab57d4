#pragma once

#include <span>
#include <string>

// `acquire --format shell` without a lock. A shell takes the eval of nothing for success, and a script below another
// `redlock run` would go on with that one's token: so a failure is text to evaluate, too.
namespace redlock::cli {

// Whether these arguments ask for text to evaluate; also where the rest of them is wrong.
bool prints_for_eval(std::span<const std::string> args);

// Prints what unsets the variables of an outer lock and makes eval end with `status`. Waits no longer than a second for
// somebody to read it.
void refuse_eval(int status);

}  // namespace redlock::cli

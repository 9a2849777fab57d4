#pragma once

#include <span>
#include <string>

// Failures of `acquire --format shell`. For a shell, the eval of nothing is a success, and a script in another
// `redlock run` would go on with the token of that one. So a failure prints text for eval, too.
namespace redlock::cli {

// Whether these arguments ask for text for eval, even if others among them are wrong.
bool prints_for_eval(std::span<const std::string> args);

// Prints text that unsets the variables of an outer lock and makes eval end with `status`. Gives up after a second if
// nobody reads it.
void refuse_eval(int status);

}  // namespace redlock::cli

#pragma once

#include <string_view>

namespace redlock::cli {

// Writes all of `text` to standard output. Throws SystemError: what was asked for did not arrive.
void print(std::string_view text);

}  // namespace redlock::cli

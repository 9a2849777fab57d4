#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace redlock::cli {

// Writes all of `text` to standard output. Throws SystemError if it cannot: the caller did not get the answer.
void print(std::string_view text);
void print(const std::vector<std::string>& lines);

}  // namespace redlock::cli

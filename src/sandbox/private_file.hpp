#pragma once

#include <string>
#include <string_view>

namespace redlock::sandbox {

// Writes a new file that nobody else can read. Throws SystemError.
void write_private_file(const std::string& path, std::string_view text);

}  // namespace redlock::sandbox

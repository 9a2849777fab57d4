#pragma once

#include <string>
#include <string_view>

namespace redlock {

// Makes text from outside (names, holders, replies) safe to show on one line of a terminal: control
// characters, DEL, C1 controls, invalid UTF-8 and backslash become \n, \t, \xNN or \\; valid UTF-8 stays. Cut
// to `max_bytes` of input with "..." behind it.
std::string printable(std::string_view text, std::size_t max_bytes = 512);

// The same, between single quotes: 'nightly-backup'.
std::string quoted(std::string_view text, std::size_t max_bytes = 512);

}  // namespace redlock

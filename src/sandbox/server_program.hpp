#pragma once

#include <string>

namespace redlock::sandbox {

// The first redis-server, valkey-server or redict-server on PATH, in this order of names. Throws Error (71) that says how to
// install one when there is none.
std::string find_server_program();

// Whether its ACLs know rights to channels: they came with Redis 6.2. Runs the program with --version.
bool knows_channel_rights(const std::string& program);

}  // namespace redlock::sandbox

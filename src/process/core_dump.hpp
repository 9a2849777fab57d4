#pragma once

namespace redlock::process {

// No core file of this process, nor of those that it forks, and no other process of this user reads our memory or
// environment (PR_SET_DUMPABLE in prctl(2)): to be called when there is a password in it. It ends with the next execve,
// so the command is not concerned.
void keep_out_of_core_dumps() noexcept;

}  // namespace redlock::process

#pragma once

namespace redlock::process {

// Whether a shell with job control is there to continue this process once it has stopped: some ancestor in
// another process group of the same session, above the guards of those that redlock runs under. Without one (`ssh -t host redlock ...`, `setsid redlock`) the
// kernel would not let Ctrl-Z stop the command (an orphaned process group, see setpgid(2)) but for the guard,
// which stands in another group.
bool can_be_continued() noexcept;

}  // namespace redlock::process

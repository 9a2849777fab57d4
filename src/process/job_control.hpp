#pragma once

namespace redlock::process {

// Whether a shell with job control will continue this process once it has stopped: an ancestor in another process group of
// the same session, not counting the guards of outer redlocks. Without one (`ssh -t host redlock ...`, `setsid redlock`)
// Ctrl-Z must not stop the command. The kernel would ignore it (an orphaned process group, see setpgid(2)) if the guard
// did not stand in another group.
bool can_be_continued() noexcept;

}  // namespace redlock::process

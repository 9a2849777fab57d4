#include "process/core_dump.hpp"

#include <sys/prctl.h>

namespace redlock::process {

void keep_out_of_core_dumps() noexcept {
  prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace redlock::process

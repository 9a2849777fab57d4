#include "process/privacy.hpp"

#include <sys/prctl.h>

namespace redlock::process {

void make_private() noexcept {
  prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace redlock::process

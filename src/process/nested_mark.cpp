#include "process/nested_mark.hpp"

#include <sys/prctl.h>

namespace redlock::process {

NestedMark::NestedMark() noexcept {
  prctl(PR_GET_NAME, found_.data());
  prctl(PR_SET_NAME, kNestedName);
}

NestedMark::~NestedMark() {
  prctl(PR_SET_NAME, found_.data());
}

}  // namespace redlock::process

// A duration, as flags, variables and the file have them.
#include "base/duration.hpp"

#include "fuzz.hpp"

#include <string>

using namespace redlock;
using fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto duration = parse_duration(fuzz::as_text(data, size));
  if (!duration) return 0;
  must(*duration >= Duration::zero(), "no duration is negative");
  must(fuzz::presentable(human_duration(*duration)), "a duration can be shown");
  const auto again = parse_duration(format_duration(*duration));
  must(again.has_value(), "a formatted duration is one");
  const Duration apart = *again > *duration ? *again - *duration : *duration - *again;
  must(apart < std::chrono::microseconds{1}, "and the same one, to the microsecond");
  return 0;
}

#include "base/timestamp.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace redlock {

std::string format_timestamp(std::uint64_t wall_us) {
  using namespace std::chrono;
  constexpr std::uint64_t last_ms = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z
  const milliseconds at{static_cast<std::int64_t>(std::min(wall_us / 1000, last_ms))};
  const auto day = floor<days>(at);
  const year_month_day date{sys_days{day}};
  const hh_mm_ss time{at - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

}  // namespace redlock

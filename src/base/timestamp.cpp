#include "base/timestamp.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

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

std::string format_local_time(std::uint64_t wall_us, std::uint64_t now_us) {
  const auto local = [](std::uint64_t us) {
    constexpr std::uint64_t second = 1'000'000;
    constexpr std::uint64_t last = 253'402'300'799;  // of the year 9999
    const auto seconds = static_cast<std::time_t>(std::min(us / second, last));
    std::tm fields{};
    localtime_r(&seconds, &fields);
    return fields;
  };
  const std::tm at = local(wall_us);
  const std::tm now = local(now_us);
  std::string time = fmt::format("{:02}:{:02}:{:02}", at.tm_hour, at.tm_min, at.tm_sec);
  if (at.tm_year == now.tm_year && at.tm_yday == now.tm_yday) return time;
  return fmt::format("{:04}-{:02}-{:02} {}", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, time);
}

}  // namespace redlock

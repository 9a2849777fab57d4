#pragma once

#include <cstdint>
#include <string>

namespace redlock {

// A wall clock reading, microseconds since 1970, as RFC 3339 in UTC to the millisecond: "2026-11-25T04:21:48.123Z".
// Times past the year 9999, which RFC 3339 cannot express, become its last instant.
std::string format_timestamp(std::uint64_t wall_us);

// The same in local time, for people: "03:05:00"; "2026-11-29 03:05:00" where that is not the day of `now_us`.
std::string format_local_time(std::uint64_t wall_us, std::uint64_t now_us);

}  // namespace redlock

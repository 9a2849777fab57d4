#pragma once

#include "cli/status_view.hpp"
#include "cli/terminal/table.hpp"
#include "lock/search.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace redlock::cli {

// A line for each lock below a line of titles. `now_us` is the wall clock in microseconds.
std::vector<std::string> lock_table(const std::vector<lock::FoundLock>& locks, std::uint64_t now_us,
                                    const Palette& palette, std::size_t width);

// The slots of one lock: a summary, a line for each, and one for each node whose answers do not count.
std::vector<std::string> show_slots(std::span<const StatusView> slots, const lock::Inspector& inspector,
                                    std::uint64_t now_us, const Palette& palette, std::size_t width);

}  // namespace redlock::cli

#pragma once

#include "cli/looking.hpp"
#include "cli/terminal.hpp"

namespace redlock::cli {

// `redlock status --watch`: looks every second until a signal ends it. On a terminal a picture in place; elsewhere a
// line whenever something has changed.
[[noreturn]] void watch(lock::Onlooker& onlooker, const LockNames& locks, bool json, ColorWish color);

// What status shows of several locks.
std::vector<std::string> show(const std::vector<LockSight>& sights, const lock::Onlooker& onlooker,
                              const Palette& palette, std::size_t width);
Json to_json(const std::vector<LockSight>& sights, const lock::Onlooker& onlooker);

}  // namespace redlock::cli

#pragma once

#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/terminal/terminal.hpp"

namespace redlock::cli {

// `redlock status --watch`: looks every second until a signal ends it. On a terminal a picture in place; elsewhere a
// line whenever something has changed.
[[noreturn]] void watch(lock::Onlooker& inspector, const LockNames& locks, const Arguments& arguments);

// What status shows of several locks.
std::vector<std::string> show(const std::vector<StatusView>& views, const lock::Onlooker& inspector,
                              const Palette& palette, std::size_t width);
Json to_json(const std::vector<StatusView>& views, const lock::Onlooker& inspector);

}  // namespace redlock::cli

#pragma once

#include "cli/args/options.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/terminal/terminal.hpp"

namespace redlock::cli {

// `redlock status --watch`: shows the locks every second until a signal ends it, on a terminal in place, elsewhere a line
// for each change.
[[noreturn]] void watch(lock::Inspector& inspector, const LockNames& locks, const Arguments& arguments);

// The output of `redlock status`.
std::vector<std::string> show(const std::vector<StatusView>& views, const lock::Inspector& inspector,
                              const Palette& palette, std::size_t width);
Json to_json(const std::vector<StatusView>& views, const lock::Inspector& inspector);

}  // namespace redlock::cli

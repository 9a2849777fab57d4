#include "cli/commands/release_on_exit.hpp"

#include "base/log.hpp"

#include <fmt/format.h>

#include <exception>

namespace redlock::cli {

ReleaseOnExit::~ReleaseOnExit() {
  if (kept_) return;
  try {
    events_.released(releaser_.finish());
  } catch (const std::exception& error) {
    log::error(fmt::format("cannot release the lock, which now has to expire: {}", error.what()));
  }
}

}  // namespace redlock::cli

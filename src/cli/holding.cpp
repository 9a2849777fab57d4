#include "cli/holding.hpp"

#include "base/log.hpp"

#include <fmt/format.h>

#include <exception>

namespace redlock::cli {

Holding::~Holding() {
  if (kept_) return;
  try {
    events_.released(session_.release(token_));
  } catch (const std::exception& error) {
    log::error(fmt::format("cannot release the lock, which now has to expire: {}", error.what()));
  }
}

}  // namespace redlock::cli

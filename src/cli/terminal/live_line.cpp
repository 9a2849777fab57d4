#include "cli/terminal/live_line.hpp"

#include "base/log.hpp"
#include "cli/terminal/terminal.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <system_error>
#include <utility>

namespace redlock::cli {
namespace {

constexpr std::chrono::seconds kTick{1};

}  // namespace

void LiveLine::show(std::function<std::string()> text) {
  const std::lock_guard lock{mutex_};
  text_ = std::move(text);
  changed_.notify_all();
  if (thread_.joinable()) return;
  log::set_overlay(fd_);
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error&) {  // the line is optional
    log::set_overlay(-1);
  }
}

void LiveLine::run() {
  std::unique_lock lock{mutex_};
  std::string drawn;
  bool ticked = true;
  while (text_) {
    const std::size_t columns = terminal_columns(fd_);
    // The last column stays free: some terminals begin a new line after it.
    std::string line = clip(text_(), std::max<std::size_t>(columns, 1) - 1);
    if ((ticked || line != drawn) && is_in_foreground(fd_)) {
      log::draw_overlay(line);
      drawn = std::move(line);
    }
    ticked = changed_.wait_for(lock, kTick) == std::cv_status::timeout;
  }
}

void LiveLine::clear() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock{mutex_};
    text_ = nullptr;
    changed_.notify_all();
  }
  thread_.join();
  log::set_overlay(-1);
}

}  // namespace redlock::cli

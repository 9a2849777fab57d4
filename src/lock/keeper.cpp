#include "lock/keeper.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

#include <fmt/format.h>

#include <sys/eventfd.h>

#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

namespace redlock::lock {

Keeper::Keeper(Driver& driver, Releaser& releaser, const quorum::LeaseRules& rules, quorum::Won won,
               Callbacks callbacks)
    : driver_{driver},
      releaser_{releaser},
      rules_{rules},
      won_{std::move(won)},
      callbacks_{std::move(callbacks)},
      stop_fd_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      valid_until_{won_.valid_until} {
  if (!stop_fd_) throw SystemError{"cannot create an eventfd", errno};
}

Keeper::~Keeper() {
  stop();
}

void Keeper::start() {
  try {
    thread_ = std::thread{[this] {
      try {
        extend_until_stopped();
        if (!loss_ && release_) releaser_.begin();
      } catch (const std::exception& error) {
        // Out of memory, or a defect. Better no command than one without a lock.
        log::error(fmt::format("cannot extend the lock any more: {}", error.what()));
        loss_ = quorum::Expired{};
      }
      if (loss_) callbacks_.lost(*loss_);
    }};
  } catch (const std::system_error& error) {
    throw SystemError{"cannot start the thread that extends the lock", error.code().value()};
  }
}

void Keeper::extend_until_stopped() {
  driver_.nodes().unsubscribe();  // here, where nobody waits for it
  const int wake_fds[] = {stop_fd_.get()};
  quorum::Lease lease{rules_, driver_.membership(), won_, driver_.ids(), driver_.entropy()};
  driver_.start(lease);
  std::optional<int> woken;
  while (!lease.done() && !woken) {
    woken = driver_.turn(lease, lease.deadline(), wake_fds);
    driver_.monitor().warn_of_duplicate();
    report_progress(lease);
  }
  if (!woken) loss_ = lease.lost();
}

void Keeper::report_progress(const quorum::Lease& lease) {
  if (lease.valid_until() != std::exchange(valid_until_, lease.valid_until())) {
    callbacks_.extended(valid_until_);
  }
  const unsigned failures = std::exchange(failures_, lease.failures_in_a_row());
  if (failures_ > failures) callbacks_.extend_failed(failures_, valid_until_);
}

void Keeper::stop() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_fd_.get(), 1);
  thread_.join();
}

void Keeper::stop_and_release() {
  if (!thread_.joinable() && !loss_) releaser_.begin();
  release_ = true;
  stop();
}

}  // namespace redlock::lock

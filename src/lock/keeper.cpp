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

std::optional<quorum::Loss> keep(Driver& driver, const quorum::LeaseRules& rules, const quorum::Won& won,
                                 std::span<const int> wake_fds, const KeeperCallbacks& callbacks) {
  driver.nodes().unsubscribe();  // here, where nobody waits for it
  driver.leave_queue();          // of nodes that have refused: a holder waits no more
  quorum::Lease lease{rules, driver.membership(), won, driver.ids(), driver.entropy()};
  TimePoint valid_until = won.valid_until;
  unsigned failures = 0;
  driver.start(lease);
  std::optional<int> woken;
  while (!lease.done() && !woken) {
    woken = driver.turn(lease, lease.deadline(), wake_fds);
    driver.monitor().warn_of_duplicate();
    for (quorum::NodeIndex node = 0; node < driver.size(); ++node) {
      if (lease.moved(node)) driver.monitor().warn_of_other_server(node);
    }
    if (lease.valid_until() != std::exchange(valid_until, lease.valid_until())) {
      callbacks.extended(valid_until);
    }
    const unsigned before = std::exchange(failures, lease.failures_in_a_row());
    if (failures > before) callbacks.extend_failed(failures, valid_until);
  }
  return woken ? std::nullopt : lease.lost();
}

Keeper::Keeper(Driver& driver, Releaser& releaser, const quorum::LeaseRules& rules, quorum::Won won,
               KeeperCallbacks callbacks)
    : driver_{driver},
      releaser_{releaser},
      rules_{rules},
      won_{std::move(won)},
      callbacks_{std::move(callbacks)},
      stop_fd_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (!stop_fd_) throw SystemError{"cannot create an eventfd", errno};
}

Keeper::~Keeper() {
  stop();
}

void Keeper::start() {
  try {
    thread_ = std::thread{[this] {
      try {
        const int wake_fds[] = {stop_fd_.get()};
        loss_ = keep(driver_, rules_, won_, wake_fds, callbacks_);
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

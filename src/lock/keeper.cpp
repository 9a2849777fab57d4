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

Keeper::Keeper(Session& session, const quorum::LeaseRules& rules, quorum::Won won, Callbacks callbacks)
    : session_{session},
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
      const int wake_fds[] = {stop_fd_.get()};
      try {
        loss_ = session_.keep(rules_, won_, wake_fds, callbacks_.extended);
        if (!loss_ && release_) session_.begin_release(won_.token);
      } catch (const std::exception&
                   error) {  // out of memory, or a defect: better no command than one without a lock
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
  if (!thread_.joinable() && !loss_) session_.begin_release(won_.token);
  release_ = true;
  stop();
}

}  // namespace redlock::lock

#pragma once

#include "sandbox/directory.hpp"
#include "sandbox/server.hpp"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace redlock::sandbox {

// N redis-servers that all answer. The order of destruction ends the servers before their folder goes.
class Servers {
 public:
  // Starts them and waits until each has answered. Throws Error when one does not start, SystemError, and nothing else.
  // A descriptor of `wake_fds` that becomes readable makes it ask `interrupted`, which is to make it unreadable again;
  // where that says true the wait ends, and ready() is false.
  Servers(unsigned count, bool unix_sockets, std::span<const int> wake_fds,
          const std::function<bool()>& interrupted);

  bool ready() const { return ready_; }
  const std::vector<Server>& list() const { return servers_; }
  std::string urls() const;  // as $REDLOCK_NODES wants them
  std::string pids() const;  // in the same order, separated by blanks

 private:
  bool wait_until_all_answer(const std::string& executable, std::span<const int> wake_fds,
                             const std::function<bool()>& interrupted);

  TemporaryDirectory directory_;
  std::vector<Server> servers_;
  bool ready_ = false;
};

}  // namespace redlock::sandbox

#pragma once

#include "base/secret.hpp"
#include "net/surroundings.hpp"
#include "net/tls_context.hpp"
#include "sandbox/directory.hpp"
#include "sandbox/server.hpp"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace redlock::sandbox {

struct Options {
  unsigned count = 5;
  bool unix_sockets = false;
  bool tls = false;  // not with unix_sockets
  bool acl = false;  // only a user with the least rights, and a password, may talk to them
};

// N redis-servers that all answer. The order of destruction ends the servers before their folder goes.
class Servers {
 public:
  // Starts them and waits until each has answered. Throws Error when one does not start, SystemError, and nothing else.
  // A descriptor of `wake_fds` that becomes readable makes it ask `interrupted`, which is to make it unreadable again;
  // where that says true the wait ends, and ready() is false.
  Servers(const Options& options, const net::Surroundings& surroundings, std::span<const int> wake_fds,
          const std::function<bool()>& interrupted);

  bool ready() const { return ready_; }
  const std::vector<Server>& list() const { return servers_; }
  std::string urls() const;  // as $REDLOCK_NODES wants them: without user and password

  // For $REDLOCK_CONFIG: what a client needs beside the URLs. It and the password lie in the servers' folder.
  std::string config_file() const { return directory_.path() + "/redlock.toml"; }

  std::string pids() const;  // in the same order, separated by blanks

 private:
  void set_up_tls();
  void set_up_acl(bool with_channels);
  void write_config();
  redis::NodeEndpoint secured(redis::NodeEndpoint endpoint) const;
  bool wait_until_all_answer(const std::string& executable, std::span<const int> wake_fds,
                             const std::function<bool()>& interrupted);

  net::Surroundings surroundings_;
  TemporaryDirectory directory_;
  std::vector<std::string> arguments_;  // for each server
  std::shared_ptr<const net::TlsContext> tls_;
  Secret password_;
  std::vector<Server> servers_;
  bool ready_ = false;
};

}  // namespace redlock::sandbox

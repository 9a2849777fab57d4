#pragma once

#include "redis/endpoint.hpp"

#include <sys/types.h>

#include <string>
#include <vector>

namespace redlock::sandbox {

// One throw-away redis-server: no persistence, reachable from this machine only, killed and reaped on
// destruction, and by the kernel when this process dies.
class Server {
 public:
  // Its address: a unix socket (throws Error when its path is too long), or a loopback port that the kernel picked as
  // free.
  static redis::NodeEndpoint free_port();
  static redis::NodeEndpoint unix_socket(const std::string& path);

  // Starts it, with these arguments beside its own; it may not answer yet. `log` is the file for what it has to say.
  // Throws SystemError.
  Server(const std::string& executable, const std::vector<std::string>& more, redis::NodeEndpoint endpoint,
         const std::string& log);
  Server(Server&& other) noexcept;
  Server& operator=(Server&& other) noexcept;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  const redis::NodeEndpoint& endpoint() const { return endpoint_; }
  const std::string& log() const { return log_; }
  pid_t pid() const { return pid_; }

  // Whether it runs; false once it has ended by itself.
  bool alive();

 private:
  redis::NodeEndpoint endpoint_;
  std::string log_;
  pid_t pid_ = -1;
};

}  // namespace redlock::sandbox

#pragma once

#include "unit/redis_support.hpp"
#include "whole/reply_text.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redlock::sim {

inline std::string bytes_of(const std::vector<std::string>& words) {
  const std::vector<std::string_view> views{words.begin(), words.end()};
  return std::string{redis::format_command(views).reveal()};
}

// A connection to the real server.
class RealConnection {
 public:
  explicit RealConnection(const std::string& path)
      : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  void write(std::string_view bytes) { test::write_all(socket_.get(), bytes); }

  Elements read() {
    for (;;) {
      std::string_view rest{buffer_};
      Elements reply = take_reply(rest);
      if (!reply.empty()) {
        buffer_.erase(0, buffer_.size() - rest.size());
        return reply;
      }
      char bytes[4096];
      const ssize_t count = ::read(socket_.get(), bytes, sizeof bytes);
      REQUIRE(count > 0);
      buffer_.append(bytes, static_cast<std::size_t>(count));
    }
  }

  // All that the server has said until it answers a PING.
  std::vector<Elements> read_all() {
    const std::string mark = fmt::format("mark {}", ++marks_);
    write(bytes_of({"PING", mark}));
    std::vector<Elements> replies;
    for (;;) {
      Elements reply = read();
      if (reply.back().text == mark) return replies;
      replies.push_back(std::move(reply));
    }
  }

 private:
  UniqueFd socket_;
  std::string buffer_;
  int marks_ = 0;
};

}  // namespace redlock::sim

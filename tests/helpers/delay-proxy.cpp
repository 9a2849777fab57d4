// A network that is farther away than loopback: one process in front of any number of servers on 127.0.0.1.
//
//   delay-proxy DELAY PORT...
//
// For each PORT of a server it listens on a port of its own, which the kernel picked, and prints them all in one line,
// in the same order, once they can be connected to. What comes in on one side goes out on the other after DELAY:
//
//   10      10 ms in each direction, so that a round trip takes 20 ms
//   5-15    for each piece that is read, anything between 5 and 15 ms, evenly spread; never out of order
//
// The end of a stream is delayed like what came before it. Connecting is not delayed: the kernel does that by itself,
// so that a connect through here costs no round trip. It ends with the process that started it, or by a signal.
#include "base/fd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using redlock::UniqueFd;
using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;
constexpr std::size_t kMostUnderWay =
    std::size_t{4} * 1024 * 1024;  // in one direction; then nothing more is read

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(71);
}

struct Delay {
  nanoseconds least{};
  nanoseconds most{};
};

bool parse(const char* text, Delay& delay) {
  const auto from_ms = [](double ms) { return nanoseconds{static_cast<nanoseconds::rep>(ms * 1e6)}; };
  char* end = nullptr;
  const double least = std::strtod(text, &end);
  const double most = *end == '-' ? std::strtod(end + 1, &end) : least;
  delay = {.least = from_ms(least), .most = from_ms(most)};
  return end != text && *end == '\0' && least >= 0 && most >= least && most < 1e6;
}

struct Piece {
  Clock::time_point due;
  std::string bytes;  // none: the stream has ended
};

// What is on its way from one side to the other.
struct Direction {
  std::deque<Piece> pieces;
  std::size_t under_way = 0;
  bool source_ended = false;
  bool sink_full = false;
  bool sink_ended = false;  // has been told of the end, or takes no more
};

// Side 0 is the client, side 1 the server; direction i leads away from side i.
struct Connection {
  std::array<UniqueFd, 2> sides;
  std::array<Direction, 2> directions;
  std::array<std::uint32_t, 2> watched{};  // what epoll has been asked for
};

class Proxy {
 public:
  explicit Proxy(Delay delay)
      : delay_{delay},
        epoll_{epoll_create1(EPOLL_CLOEXEC)},
        timer_{timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)} {
    if (!epoll_ || !timer_) fail("delay-proxy");
    control(EPOLL_CTL_ADD, timer_.get(), EPOLLIN, kTimer);
  }

  // Returns the port to connect to.
  in_port_t add(in_port_t server_port) {
    UniqueFd fd{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (!fd || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        listen(fd.get(), SOMAXCONN) != 0 ||
        getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      fail("delay-proxy: cannot listen");
    }
    control(EPOLL_CTL_ADD, fd.get(), EPOLLIN, kFirstListener + listeners_.size());
    listeners_.emplace_back(std::move(fd), server_port);
    return ntohs(address.sin_port);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) fail("delay-proxy: epoll_wait");
      for (int i = 0; i < count; ++i) take(events[static_cast<std::size_t>(i)].data.u64);
      deliver_what_is_due();
    }
  }

 private:
  // Of an epoll event: the timer, a listener, or a connection's number and side.
  static constexpr std::uint64_t kTimer = 0;
  static constexpr std::uint64_t kFirstListener = 1;
  static constexpr std::uint64_t kFirstConnection = std::uint64_t{1} << 20U;

  using Due =
      std::tuple<Clock::time_point, std::uint64_t, std::size_t>;  // when, which connection and direction

  static sockaddr_in loopback(in_port_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void control(int operation, int fd, std::uint32_t events, std::uint64_t data) {
    epoll_event event{.events = events, .data = {.u64 = data}};
    if (epoll_ctl(epoll_.get(), operation, fd, &event) != 0) fail("delay-proxy: epoll_ctl");
  }

  void take(std::uint64_t source) {
    if (source == kTimer) {
      std::uint64_t expirations = 0;
      while (read(timer_.get(), &expirations, sizeof expirations) > 0) continue;
      armed_for_ = Clock::time_point::max();
    } else if (source < kFirstConnection) {
      accept_all(source - kFirstListener);
    } else {
      const auto found = connections_.find((source - kFirstConnection) / 2);
      if (found == connections_.end()) return;  // went with an event before this one
      const std::size_t side = source % 2;
      take_in(found->first, *found->second, side);
      if (found->second->directions[1 - side].sink_full) {
        found->second->directions[1 - side].sink_full = false;
        deliver(*found->second, 1 - side, Clock::now());
      }
      settle(found->first);
    }
  }

  void accept_all(std::size_t listener) {
    const auto& [listening, port] = listeners_[listener];
    for (;;) {
      UniqueFd client{accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
      if (!client) return;
      UniqueFd server{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
      const sockaddr_in address = loopback(port);
      if (!server ||
          (connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
           errno != EINPROGRESS)) {
        continue;
      }
      const int on = 1;
      for (const int fd : {client.get(), server.get()}) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      }
      auto connection = std::make_unique<Connection>();
      connection->sides = {std::move(client), std::move(server)};
      watch(next_connection_, *connection);
      connections_.emplace(next_connection_++, std::move(connection));
    }
  }

  void take_in(std::uint64_t number, Connection& connection, std::size_t side) {
    Direction& direction = connection.directions[side];
    if (direction.source_ended || direction.under_way >= kMostUnderWay) return;
    const ssize_t got = read(connection.sides[side].get(), buffer_.data(), buffer_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    Piece piece{.due = due(), .bytes = {}};
    if (got > 0) {
      piece.bytes.assign(buffer_.data(), static_cast<std::size_t>(got));
    } else {
      direction.source_ended = true;
      // Reset: what was read before still arrives, as it would on a wire; nothing can be sent there any more.
      if (got < 0) end_sink(connection.directions[1 - side]);
    }
    if (direction.sink_ended) return;
    direction.under_way += piece.bytes.size();
    direction.pieces.push_back(std::move(piece));
    schedule_.emplace(direction.pieces.back().due, number, side);
  }

  Clock::time_point due() {
    std::uniform_int_distribution<nanoseconds::rep> spread{delay_.least.count(), delay_.most.count()};
    return Clock::now() + nanoseconds{spread(random_)};
  }

  void deliver_what_is_due() {
    const auto now = Clock::now();
    while (!schedule_.empty() && std::get<0>(schedule_.top()) <= now) {
      const auto [due, number, side] = schedule_.top();
      schedule_.pop();
      const auto found = connections_.find(number);
      if (found == connections_.end()) continue;
      deliver(*found->second, side, now);
      settle(number);
    }
    if (!schedule_.empty()) arm(std::get<0>(schedule_.top()));
  }

  // In the order in which it was read: what is due early waits for what stands before it.
  void deliver(Connection& connection, std::size_t side, Clock::time_point now) {
    Direction& direction = connection.directions[side];
    const int sink = connection.sides[1 - side].get();
    while (!direction.pieces.empty() && direction.pieces.front().due <= now && !direction.sink_full) {
      std::string& bytes = direction.pieces.front().bytes;
      if (bytes.empty()) {
        shutdown(sink, SHUT_WR);
        end_sink(direction);
        return;
      }
      const ssize_t sent = send(sink, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        direction.sink_full = true;
      } else if (sent < 0) {
        end_sink(direction);
      } else {
        direction.under_way -= static_cast<std::size_t>(sent);
        bytes.erase(0, static_cast<std::size_t>(sent));
        if (bytes.empty()) direction.pieces.pop_front();
      }
    }
  }

  static void end_sink(Direction& direction) {
    direction.pieces.clear();
    direction.under_way = 0;
    direction.sink_full = false;
    direction.sink_ended = true;
  }

  // Closes a connection that is over; otherwise asks epoll for what it waits for now.
  void settle(std::uint64_t number) {
    Connection& connection = *connections_.at(number);
    if (connection.directions[0].sink_ended && connection.directions[1].sink_ended) {
      connections_.erase(number);
    } else {
      watch(number, connection);
    }
  }

  void watch(std::uint64_t number, Connection& connection) {
    for (std::size_t side = 0; side < 2; ++side) {
      const Direction& out = connection.directions[side];
      std::uint32_t wanted = 0;
      if (!out.source_ended && out.under_way < kMostUnderWay) wanted |= EPOLLIN;
      if (connection.directions[1 - side].sink_full) wanted |= EPOLLOUT;
      std::uint32_t& watched = connection.watched[side];
      if (wanted == watched) continue;
      // Without interest it is taken out altogether: a hang-up would be reported again and again.
      const int operation = watched == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
      control(operation, connection.sides[side].get(), wanted, kFirstConnection + 2 * number + side);
      watched = wanted;
    }
  }

  void arm(Clock::time_point at) {
    if (at >= armed_for_) return;
    armed_for_ = at;
    const auto since = at.time_since_epoch();  // of CLOCK_MONOTONIC, in libstdc++
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    const itimerspec spec{
        .it_interval = {},
        .it_value = {.tv_sec = seconds.count(), .tv_nsec = nanoseconds{since - seconds}.count()}};
    timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  Delay delay_;
  UniqueFd epoll_;
  UniqueFd timer_;
  std::vector<std::pair<UniqueFd, in_port_t>> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_connection_ = 0;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> schedule_;
  Clock::time_point armed_for_ = Clock::time_point::max();
  std::mt19937_64 random_{std::random_device{}()};
  std::array<char, kPieceBytes> buffer_{};
};

// A hundred waiters have a thousand connections to five nodes, and each takes two descriptors here.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  Delay delay;
  if (argc < 3 || !parse(argv[1], delay)) {
    std::fputs("usage: delay-proxy MS|MIN-MAX PORT...\n", stderr);
    return 64;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  raise_descriptor_limit();
  Proxy proxy{delay};
  for (int i = 2; i < argc; ++i) {
    const unsigned long port = std::strtoul(argv[i], nullptr, 10);
    if (port == 0 || port > 65535) {
      std::fprintf(stderr, "delay-proxy: not a port: %s\n", argv[i]);
      return 64;
    }
    std::printf("%s%d", i == 2 ? "" : " ", proxy.add(static_cast<in_port_t>(port)));
  }
  std::puts("");
  std::fflush(stdout);
  proxy.run();
}

// hostile-peer --list
// hostile-peer [--on ADDRESS] [--log FILE] TRICK[:PORT]...
//
// Nodes that do what no node should: one listener for each TRICK, on a port that the kernel picks unless one is given.
// Prints the URL of each on a line, in order, and then plays the trick on whoever connects, until it is killed. With
// --log, appends a line "TRICK" to FILE for each connection.
#include "base/fd.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using redlock::UniqueFd;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "hostile-peer: %s\n", why.c_str());
  std::exit(2);
}

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
}

std::string info(const std::string& run_id, std::string_view uptime) {
  return bulk("# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:" + run_id +
              "\r\nuptime_in_seconds:" + std::string{uptime} + "\r\n");
}

constexpr std::string_view kRole = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";

// One connection.
class Peer {
 public:
  Peer(UniqueFd socket, std::string run_id) : socket_{std::move(socket)}, run_id_{std::move(run_id)} {}

  // What a healthy node says of itself, INFO and ROLE.
  std::string greeting() const { return info(run_id_, "4711") + std::string{kRole}; }
  const std::string& run_id() const { return run_id_; }

  // Until something of the request is there; false when the peer has gone.
  bool hear() {
    char bytes[65536];
    return ::recv(socket_.get(), bytes, sizeof bytes, 0) > 0;
  }

  bool say(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  void say_slowly(std::string_view bytes) {
    for (const char& byte : bytes) {
      if (!say({&byte, 1})) return;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  }

  // The same again and again, for as long as anybody listens; a gigabyte at the most.
  void flood(std::string_view piece) {
    std::string chunk;
    while (chunk.size() < 65536) chunk += piece;
    for (int i = 0; i < 16384 && say(chunk);) ++i;
  }

  void stay() {
    while (hear()) continue;
  }

  // Stays without reading.
  void stay_deaf() {
    pollfd end{.fd = socket_.get(), .events = POLLRDHUP, .revents = 0};
    ::poll(&end, 1, -1);
  }

  // As healthy as can be, but for what it answers to each request.
  void answer(std::string_view with) {
    if (hear() && say(greeting()) && say(with)) {
      while (hear() && say(with)) continue;
    }
  }

  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_.reset();
  }

 private:
  UniqueFd socket_;
  std::string run_id_;
};

std::string noise() {
  std::string bytes;
  std::uint32_t state = 2463534242;
  while (bytes.size() < 4096) {
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    bytes.push_back(static_cast<char>(state | 0x80U));  // the first must not happen to be one of the protocol
  }
  return bytes;
}

// A holder that is none too short, in the eleven parts that a refusal says of one name.
std::string refusal(std::size_t bytes) {
  const std::string text = bulk(std::string(bytes, 'x'));
  return "*4\r\n:0\r\n:-1\r\n:-1\r\n*1\r\n*11\r\n:0\r\n" + text + ":1000\r\n" + text + text + text + text +
         text + text + text + text;
}

struct Trick {
  const char* name;
  void (*play)(Peer& peer);
};

constexpr Trick kTricks[] = {
    {"silent", [](Peer& peer) { peer.stay(); }},
    {"deaf", [](Peer& peer) { peer.stay_deaf(); }},
    {"closes-at-once", [](Peer&) {}},
    {"closes", [](Peer& peer) { peer.hear(); }},
    {"resets",
     [](Peer& peer) {
       peer.hear();
       peer.reset();
     }},
    {"greets-then-hangs", [](Peer& peer) { peer.answer(""); }},
    {"greets-then-closes", [](Peer& peer) { peer.hear() && peer.say(peer.greeting()); }},
    {"half-a-reply",
     [](Peer& peer) {
       peer.hear() && peer.say(peer.greeting() + "*2\r\n:1\r\n$16\r\n17") && peer.hear();
       peer.stay();
     }},
    {"byte-by-byte",
     [](Peer& peer) {
       if (peer.hear()) peer.say_slowly(peer.greeting() + "*2\r\n:1\r\n$1\r\n7\r\n");
       peer.stay();
     }},
    {"garbage", [](Peer& peer) { peer.hear() && peer.say(noise()) && peer.hear(); }},
    {"terminal-codes", [](Peer& peer) { peer.answer("-ERR \x1b[2J\x1b]0;owned\x07\r\n"); }},
    {"error-midway",
     [](Peer& peer) {
       peer.hear() && peer.say(info(peer.run_id(), "4711") + "-ERR not today\r\n-ERR not at all\r\n");
       peer.stay();
     }},
    {"wrong-types", [](Peer& peer) { peer.answer("$5\r\nhello\r\n"); }},
    {"wrong-fence", [](Peer& peer) { peer.answer("*2\r\n:1\r\n$3\r\nabc\r\n"); }},
    {"wrong-greeting", [](Peer& peer) { peer.hear() && peer.say(":1\r\n:2\r\n:3\r\n") && peer.hear(); }},
    {"wrong-uptime",
     [](Peer& peer) {
       peer.hear() && peer.say(info(peer.run_id(), "99999999999999999999") + std::string{kRole}) &&
           peer.hear();
     }},
    {"long-holder",
     [](Peer& peer) {
       static const std::string once = refusal(100'000);  // its making is no part of what it costs us
       peer.answer(once);
     }},
    {"huge-string",
     [](Peer& peer) {
       peer.hear() && peer.say("$536870912\r\n");
       peer.flood("x");
     }},
    {"huge-string-later",
     [](Peer& peer) {
       peer.hear() && peer.say(peer.greeting() + "*2\r\n:1\r\n$536870912\r\n");
       peer.flood("x");
     }},
    {"huge-array",
     [](Peer& peer) {
       peer.hear() && peer.say("*2147483647\r\n");
       peer.flood(":1\r\n");
     }},
    {"nested-arrays", [](Peer& peer) { peer.hear(), peer.flood("*1\r\n"); }},
    {"wide-arrays",
     [](Peer& peer) {
       std::string wide = "*2000\r\n";
       for (int i = 1; i < 2000; ++i) wide += ":1\r\n";
       peer.hear();
       peer.flood(wide);
     }},
    {"endless-line",
     [](Peer& peer) {
       peer.hear() && peer.say("+");
       peer.flood("x");
     }},
    {"endless-pushes",
     [](Peer& peer) {
       peer.hear() && peer.say(peer.greeting());
       peer.flood(">2\r\n+message\r\n+boo\r\n");
     }},
    {"endless-messages",
     [](Peer& peer) {
       peer.hear() && peer.say(peer.greeting());
       peer.flood("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$3\r\nboo\r\n");
     }},
    {"endless-replies", [](Peer& peer) { peer.hear(), peer.flood("+OK\r\n"); }},
    {"speaks-first", [](Peer& peer) { peer.flood(":0\r\n"); }},
    {"http",
     [](Peer& peer) {
       peer.hear() && peer.say("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
     }},
    {"tls-alert",
     [](Peer& peer) {
       peer.hear() && peer.say({"\x15\x03\x03\x00\x02\x02\x28", 7});
     }},
    {"tls-handshake",
     [](Peer& peer) {
       peer.hear() && peer.say({"\x16\x03\x03\x00\x02\x02\x28", 7}) && peer.hear();
     }},
    {"ssh", [](Peer& peer) { peer.say("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") && peer.hear(); }},
};

const Trick& find_trick(std::string_view name) {
  for (const Trick& trick : kTricks) {
    if (name == trick.name) return trick;
  }
  give_up("no trick '" + std::string{name} + "', see --list");
}

struct Listener {
  const Trick& trick;
  UniqueFd socket;
  std::string run_id;
};

// "TRICK" or "TRICK:PORT".
Listener listen_for(std::string_view what, const char* address) {
  const std::size_t colon = what.find(':');
  const Trick& trick = find_trick(what.substr(0, colon));
  sockaddr_in in{};
  in.sin_family = AF_INET;
  if (inet_pton(AF_INET, address, &in.sin_addr) != 1) give_up("no IPv4 address: " + std::string{address});
  if (colon != std::string_view::npos) {
    in.sin_port = htons(static_cast<std::uint16_t>(std::stoi(std::string{what.substr(colon + 1)})));
  }
  UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t length = sizeof in;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&in), sizeof in) != 0 ||
      ::listen(socket.get(), 128) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&in), &length) != 0) {
    give_up("cannot listen on " + std::string{address});
  }
  const unsigned port = ntohs(in.sin_port);
  std::printf("redis://%s:%u\n", address, port);
  char run_id[41];
  std::snprintf(run_id, sizeof run_id, "%040u", port);
  return {trick, std::move(socket), run_id};
}

[[noreturn]] void serve(const std::vector<Listener>& listeners, const UniqueFd& log) {
  std::vector<pollfd> polled;
  for (const Listener& each : listeners)
    polled.push_back({.fd = each.socket.get(), .events = POLLIN, .revents = 0});
  for (;;) {
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].revents == 0) continue;
      UniqueFd socket{::accept4(polled[i].fd, nullptr, nullptr, SOCK_CLOEXEC)};
      if (!socket) continue;
      const int on = 1;
      setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const Listener& listener = listeners[i];
      if (log) {
        const std::string line = std::string{listener.trick.name} + "\n";
        if (::write(log.get(), line.data(), line.size()) < 0) give_up("cannot write to the log");
      }
      std::thread{[play = listener.trick.play, peer = Peer{std::move(socket), listener.run_id}]() mutable {
        play(peer);
      }}.detach();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* address = "127.0.0.1";
  UniqueFd log;
  std::vector<Listener> listeners;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--list") {
      for (const Trick& trick : kTricks) std::printf("%s\n", trick.name);
      return 0;
    }
    if (argument == "--on" && i + 1 < argc) {
      address = argv[++i];
    } else if (argument == "--log" && i + 1 < argc) {
      log.reset(::open(argv[++i], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
      if (!log) give_up("cannot open the log");
    } else {
      listeners.push_back(listen_for(argument, address));
    }
  }
  if (listeners.empty()) give_up("usage: hostile-peer [--on ADDRESS] [--log FILE] TRICK[:PORT]...");
  std::fflush(stdout);
  serve(listeners, log);
}

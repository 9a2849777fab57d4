#pragma once

#include "clocks.hpp"
#include "views.hpp"
#include "whole/resp.hpp"
#include "whole/scripts.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace redlock::sim {

// A request of the algorithm on its way, as the referee wants to know it.
struct Asked {
  ScriptKind kind = ScriptKind::Other;
  std::string token{};
  std::uint64_t number = 0;    // of all that the program has asked
  std::uint64_t proposal = 0;  // Acquire
  std::uint64_t attempt = 0;   // Extend: as the request says it
  bool proves = false;         // Extend: by a keeper, or the first of one by hand
  bool about_lock = false;     // and not about the session
  bool refused = false;        // with an error
  TimePoint sent{};            // by the program's clock
  Instant sent_at{};
  const ServerView* server = nullptr;
};

// Reads along on one connection: which requests a program has written, and which replies it has read.
class Tap {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void asked(std::size_t address, Asked& request) = 0;
    virtual void read_reply(std::size_t address, const Asked& request) = 0;
  };

  Tap(Listener& listener, std::size_t address, const ServerView& server)
      : listener_{listener}, address_{address}, server_{server} {}

  void wrote(std::string_view bytes, TimePoint now, Instant at);
  void answered(std::uint64_t request_first, std::uint64_t reply_end, bool refused);
  void read(std::uint64_t bytes_in_all);

 private:
  struct Mark {
    std::uint64_t from;  // the bytes from here on were written at
    TimePoint now;
    Instant at;
  };
  struct Request {
    std::uint64_t first;
    Asked asked;
  };
  struct Reply {
    std::uint64_t end;
    Asked asked;
  };

  Listener& listener_;
  std::size_t address_;
  const ServerView& server_;
  CommandReader reader_;
  std::uint64_t written_ = 0;
  std::deque<Mark> marks_;
  std::deque<Request> requests_;
  std::deque<Reply> replies_;
};

}  // namespace redlock::sim

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The Redis protocol as a server speaks it (RESP2). Written apart from redis/wire, so that neither can hide a fault of
// the other.
namespace redlock::sim {

using Words = std::vector<std::string>;

// Cuts what one client writes into commands.
class CommandReader {
 public:
  struct Cut {
    Words words;
    std::uint64_t first;  // its bytes in the stream of all that were fed: [first, end)
    std::uint64_t end;
  };

  void feed(std::string_view bytes) { buffer_.append(bytes); }

  // The next command that is whole; nothing when there is none. Throws ProtocolError.
  std::optional<Cut> next();

 private:
  std::optional<std::size_t> number_behind(char type, std::size_t& at) const;

  std::string buffer_;
  std::size_t taken_ = 0;     // of the buffer
  std::uint64_t before_ = 0;  // bytes that have left the buffer
};

// What no Redis client sends. The simulated node does not survive it: it is a defect of the program.
struct ProtocolError {
  std::string why;
};

// Replies, appended to `out`.
void append_nil(std::string& out);
void append_status(std::string& out, std::string_view text);
void append_error(std::string& out, std::string_view text);
void append_integer(std::string& out, long long value);
void append_bulk(std::string& out, std::string_view text);
void append_array(std::string& out, std::size_t elements);  // so many replies follow

}  // namespace redlock::sim

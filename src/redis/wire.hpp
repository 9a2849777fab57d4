#pragma once

#include "base/secret.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// The Redis protocol (RESP2): hiredis parses, this file bounds what it may take in.
namespace redlock::redis {

// A command as bytes for the wire. A Secret because AUTH is among them.
Secret format_command(std::span<const std::string_view> words);

// One reply. Everything in it comes from outside: types, sizes and ranges are for the reader to check.
struct Value {
  enum class Type { Nil, Status, Error, Integer, String, Array };

  Type type = Type::Nil;
  long long integer = 0;          // Integer
  std::string text{};             // Status, Error, String
  std::vector<Value> elements{};  // Array
};

// The size of one reply. The names of locks that SCAN finds are the longest that redlock asks for. A node may cost a
// megabyte at most: the bytes twice over in hiredis's buffer, which grows by doubling, once more in the values, and the
// values.
inline constexpr std::size_t kMaxReplyBytes = std::size_t{1} << 18U;
// The same for all that a lock depends on: to read more would keep the other nodes waiting.
inline constexpr std::size_t kMaxVoteBytes = std::size_t{1} << 15U;
inline constexpr std::size_t kMaxReplyLine = std::size_t{1} << 13U;
inline constexpr std::size_t kMaxReplyValues = 2048;
inline constexpr int kMaxReplyDepth = 6;  // arrays around a value; hiredis 1.2 has no limit of its own

// Cuts the bytes of one connection into replies. A reply that announces more than the limits above is refused
// when it announces it, before any memory is set aside for it.
class ReplyReader {
 public:
  struct NeedMore {};
  struct Malformed {
    std::string why;  // for people, escaped
  };
  using Next = std::variant<NeedMore, Value, Malformed>;

  ReplyReader();
  ReplyReader(ReplyReader&&) noexcept;
  ReplyReader& operator=(ReplyReader&&) noexcept;
  ~ReplyReader();

  void feed(std::string_view bytes);

  // The next reply may have so many bytes; at the beginning kMaxReplyBytes.
  void limit(std::size_t bytes) noexcept { limit_ = bytes; }

  // The next reply, if it is whole. After a Malformed the connection is of no more use.
  Next next();

 private:
  class Parser;
  std::size_t limit_ = kMaxReplyBytes;
  std::string opening_;  // the first bytes, when they are not the Redis protocol
  std::unique_ptr<Parser> parser_;
};

}  // namespace redlock::redis

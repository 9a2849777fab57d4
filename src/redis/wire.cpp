#include "redis/wire.hpp"

#include "base/deleter.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

namespace redlock::redis {
namespace {

// The part of its limits that a reply has used so far. hiredis carries a pointer to it to the functions below.
struct Budget {
  std::size_t most_bytes = kMaxReplyBytes;
  std::size_t bytes = 0;
  std::size_t values = 0;
  std::string_view not_resp2{};  // why the reply is none of RESP2
};

int depth_of(const redisReadTask* task) noexcept {
  int depth = 0;
  while ((task = task->parent) != nullptr) ++depth;
  return depth;
}

// Takes the place of one value in the reply under construction; null when the reply has grown beyond its
// limits or is not RESP2, which hiredis reports as being out of memory. Nothing may be thrown through hiredis.
Value* place(const redisReadTask* task, Value::Type type) noexcept {
  auto& budget = *static_cast<Budget*>(task->privdata);
  // The null of RESP2 is a string or an array.
  if (task->type > REDIS_REPLY_ERROR || task->type == REDIS_REPLY_NIL) {
    budget.not_resp2 = "it answers with a type of RESP3";
    return nullptr;
  }
  if (depth_of(task) > kMaxReplyDepth) {
    budget.not_resp2 = "it nests arrays without end";
    return nullptr;
  }
  if (++budget.values > kMaxReplyValues) return nullptr;
  Value* value = nullptr;
  if (task->parent != nullptr) {
    auto& siblings = static_cast<Value*>(task->parent->obj)->elements;
    value = &siblings[static_cast<std::size_t>(task->idx)];
  } else {
    value = new (std::nothrow) Value;
  }
  if (value != nullptr) value->type = type;
  return value;
}

// hiredis frees the root only once it has been told of it, which a null return prevents.
void* discard(const redisReadTask* task, Value* value) noexcept {
  if (task->parent == nullptr) delete value;
  return nullptr;
}

void* create_string(const redisReadTask* task, char* text, std::size_t length) noexcept {
  const auto type = task->type == REDIS_REPLY_ERROR    ? Value::Type::Error
                    : task->type == REDIS_REPLY_STATUS ? Value::Type::Status
                                                       : Value::Type::String;
  auto& budget = *static_cast<Budget*>(task->privdata);
  budget.bytes += length;
  if (budget.bytes > budget.most_bytes) return nullptr;
  Value* value = place(task, type);
  if (value == nullptr) return nullptr;
  try {
    value->text.assign(text, length);
  } catch (const std::bad_alloc&) {
    return discard(task, value);
  }
  return value;
}

// hiredis 0.14 counts in int, 1.0 and later in size_t.
template <std::integral Count>
void* create_array(const redisReadTask* task, Count elements) noexcept {
  const auto& budget = *static_cast<const Budget*>(task->privdata);
  if (std::cmp_less(elements, 0) ||
      static_cast<std::size_t>(elements) > kMaxReplyValues - std::min(budget.values, kMaxReplyValues)) {
    return nullptr;
  }
  Value* value = place(task, Value::Type::Array);
  if (value == nullptr) return nullptr;
  try {
    value->elements.resize(static_cast<std::size_t>(elements));
  } catch (const std::bad_alloc&) {
    return discard(task, value);
  }
  return value;
}

void* create_integer(const redisReadTask* task, long long integer) noexcept {
  Value* value = place(task, Value::Type::Integer);
  if (value != nullptr) value->integer = integer;
  return value;
}

void* create_nil(const redisReadTask* task) noexcept {
  return place(task, Value::Type::Nil);
}

void free_value(void* value) noexcept {
  delete static_cast<Value*>(value);
}

// The types of RESP3 came with hiredis 1.0. For a type without a function, hiredis would take a number for the object.
template <class Functions>
constexpr Functions functions() noexcept {
  Functions all{};
  all.createString = create_string;
  all.createArray = create_array;
  all.createInteger = create_integer;
  all.createNil = create_nil;
  all.freeObject = free_value;
  if constexpr (requires { all.createDouble; }) {
    all.createDouble = [](const redisReadTask* task, double, char*, std::size_t) noexcept -> void* {
      return place(task, Value::Type::Nil);
    };
  }
  if constexpr (requires { all.createBool; }) {
    all.createBool = [](const redisReadTask* task, int) noexcept -> void* {
      return place(task, Value::Type::Nil);
    };
  }
  return all;
}

// Never written to; hiredis wants it mutable.
constinit auto value_functions = functions<redisReplyObjectFunctions>();

// How others than Redis begin to speak.
struct Banner {
  std::string_view begins;
  std::string_view means;
};
constexpr std::array kBanners{
    Banner{"\x15\x03", "it speaks TLS: use rediss://"},
    Banner{"\x16\x03", "it speaks TLS: use rediss://"},
    Banner{"HTTP/", "it speaks HTTP: is this the port of a web server?"},
    Banner{"<!DOCTYPE ", "it speaks HTTP: is this the port of a web server?"},
    Banner{"<html", "it speaks HTTP: is this the port of a web server?"},
    Banner{"SSH-", "it speaks SSH: is this the port of sshd?"},
    Banner{"ERROR\r\n", "it speaks memcached, not Redis"},
};

constexpr std::string_view kTypeBytes = "+-:$*";

ReplyReader::Next judge_opening(std::string_view opening) {
  for (const Banner& banner : kBanners) {
    if (opening.starts_with(banner.begins)) return ReplyReader::Malformed{std::string{banner.means}};
    if (banner.begins.starts_with(opening)) return ReplyReader::NeedMore{};
  }
  return ReplyReader::Malformed{
      fmt::format("it does not speak the Redis protocol, check host and port: {}", quoted(opening, 32))};
}

}  // namespace

// Not by hiredis, whose sprintf(3) took a twelfth of a run's time.
Secret format_command(std::span<const std::string_view> words) {
  std::array<char, 20> digits{};
  const auto number = [&](std::size_t value) {
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    return std::string_view{digits.data(), end};
  };
  std::size_t most = 1 + digits.size() + 2;
  for (const std::string_view word : words) most += 1 + digits.size() + 2 + word.size() + 2;
  std::string out;
  out.reserve(most);  // it never moves, and so leaves no copy of a password
  out.append("*").append(number(words.size())).append("\r\n");
  for (const std::string_view word : words)
    out.append("$").append(number(word.size())).append("\r\n").append(word).append("\r\n");
  return Secret{std::move(out)};
}

class ReplyReader::Parser {
 public:
  Parser() : reader_{redisReaderCreateWithFunctions(&value_functions)} {
    if (!reader_) throw std::bad_alloc{};
    reader_->privdata = &budget_;
  }

  void feed(std::string_view bytes) {
    // An error stays in the reader and comes out of the next redisReaderGetReply.
    redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
  }

  Next next(std::size_t most_bytes) {
    budget_.most_bytes = most_bytes;
    void* raw = nullptr;
    if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) return malformed();
    if (raw != nullptr) {
      budget_ = {};
      const std::unique_ptr<Value> value{static_cast<Value*>(raw)};
      return std::move(*value);
    }
    if (auto why = excess()) return Malformed{std::move(*why)};
    return NeedMore{};
  }

 private:
  static Malformed no_redis(std::string_view why) {
    return {fmt::format("it does not speak the Redis protocol: {}", why)};
  }

  Next malformed() const {
    if (!budget_.not_resp2.empty()) return no_redis(budget_.not_resp2);
    if (reader_->err == REDIS_ERR_OOM)
      return Malformed{"its answer is larger than any that redlock asks for"};
    return no_redis(printable(reader_->errstr));
  }

  // The rest is longer than a reply may be, or says that it will be. The reader takes every whole line out of its buffer
  // except the header of a bulk string that is not all there: a line that is left is a length.
  std::optional<std::string> excess() const {
    const std::string_view rest{reader_->buf + reader_->pos, reader_->len - reader_->pos};
    const auto end = rest.substr(0, 32).find("\r\n");
    if (end == std::string_view::npos) {
      if (rest.size() <= kMaxReplyLine) return std::nullopt;
      return "a line of its answer has no end";
    }
    std::size_t announced = 0;
    const auto [_, error] = std::from_chars(rest.data(), rest.data() + end, announced);
    if (error == std::errc{} && announced <= budget_.most_bytes) return std::nullopt;
    return fmt::format("it announces an answer of {} bytes", printable(rest.substr(0, end)));
  }

  Budget budget_;
  std::unique_ptr<redisReader, Deleter<redisReaderFree>> reader_;
};

ReplyReader::ReplyReader() = default;
ReplyReader::ReplyReader(ReplyReader&&) noexcept = default;
ReplyReader& ReplyReader::operator=(ReplyReader&&) noexcept = default;
ReplyReader::~ReplyReader() = default;

void ReplyReader::feed(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!parser_ && opening_.empty() && kTypeBytes.find(bytes.front()) != std::string_view::npos) {
    parser_ = std::make_unique<Parser>();
  }
  if (parser_) {
    parser_->feed(bytes);
  } else {
    opening_.append(bytes.substr(0, 64));
  }
}

ReplyReader::Next ReplyReader::next() {
  if (parser_) return parser_->next(limit_);
  if (opening_.empty()) return NeedMore{};
  return judge_opening(opening_);
}

}  // namespace redlock::redis

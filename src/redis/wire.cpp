#include "redis/wire.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>

namespace redlock::redis {
namespace {

// The part of its limits that a reply has used so far. hiredis carries a pointer to it to the functions below.
struct Budget {
  std::size_t most_bytes = kMaxReplyBytes;
  std::size_t bytes = 0;
  std::size_t values = 0;
};

// Takes the place of one value in the reply under construction; null when the reply has grown beyond its
// limits, which hiredis reports as being out of memory. Nothing may be thrown through hiredis.
Value* place(const redisReadTask* task, Value::Type type) noexcept {
  auto& budget = *static_cast<Budget*>(task->privdata);
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

void* create_array(const redisReadTask* task, int elements) noexcept {
  const auto& budget = *static_cast<const Budget*>(task->privdata);
  if (elements < 0 ||
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

// Never written to; hiredis wants it mutable.
redisReplyObjectFunctions value_functions{create_string, create_array, create_integer, create_nil,
                                          free_value};

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

Secret format_command(std::span<const std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  texts.reserve(words.size());
  lengths.reserve(words.size());
  for (const std::string_view word : words) {
    texts.push_back(word.data() != nullptr ? word.data() : "");
    lengths.push_back(word.size());
  }
  char* formatted = nullptr;
  const int length =
      redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), texts.data(), lengths.data());
  if (length < 0) throw std::bad_alloc{};
  const auto wipe_and_free = [length](char* bytes) {
    explicit_bzero(bytes, static_cast<std::size_t>(length));
    std::free(bytes);  // NOLINT: hiredis allocated it with malloc
  };
  const std::unique_ptr<char, decltype(wipe_and_free)> owned{formatted, wipe_and_free};
  return Secret{std::string{formatted, static_cast<std::size_t>(length)}};
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
  struct Free {
    void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
  };

  Next malformed() const {
    if (reader_->err == REDIS_ERR_OOM)
      return Malformed{"its answer is larger than any that redlock asks for"};
    return Malformed{fmt::format("it does not speak the Redis protocol: {}", printable(reader_->errstr))};
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
  std::unique_ptr<redisReader, Free> reader_;
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

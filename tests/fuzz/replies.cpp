// What a node says, from its bytes to what the algorithm hears: ReplyReader, greeting, answers, what those who wait are
// told, words for people.
//
// The first byte of an input says what redlock has asked (bit 0: AUTH, bit 1: SELECT, bits 2 and 3: the request behind
// the greeting), the second into what pieces the network cuts the rest.
#include "fuzz.hpp"
#include "redis/answers.hpp"
#include "redis/node_error.hpp"
#include "redis/queue.hpp"
#include "redis/session_setup.hpp"
#include "redis/wire.hpp"

#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace redlock;
using fuzz::must;

struct Asked {
  std::deque<redis::SetupStep> greeting;
  redis::RequestKind request;
};

Asked asked_in(std::uint8_t flags) {
  Asked asked{.greeting = {redis::SetupStep::Info, redis::SetupStep::Role},
              .request = static_cast<redis::RequestKind>(((flags >> 2U) & 7U) % 8U)};
  if ((flags & 2U) != 0) asked.greeting.push_front(redis::SetupStep::Select);
  if ((flags & 1U) != 0) asked.greeting.push_front(redis::SetupStep::Auth);
  return asked;
}

struct Size {
  std::size_t bytes = 0;
  std::size_t values = 0;
};

void add_up(const redis::Value& value, Size& size) {
  size.bytes += value.text.size();
  ++size.values;
  for (const redis::Value& element : value.elements) add_up(element, size);
}

std::string told(const quorum::Failure& failure) {
  redis::NodeEndpoint endpoint;
  endpoint.username = "user\n";
  must(fuzz::presentable(failure.detail), "the detail of a failure can be shown");
  const std::string words = redis::describe(failure, endpoint);
  must(!words.empty() && fuzz::presentable(words), "a failure has words that can be shown");
  return std::to_string(static_cast<int>(failure.kind)) + words;
}

std::string told(const quorum::Reply& reply) {
  std::string text = "reply " + std::to_string(reply.index());
  if (const auto* granted = std::get_if<quorum::Granted>(&reply)) {
    must(granted->fence > 0 && granted->fence <= quorum::kMaxFence, "a fence is in range");
    text += std::to_string(granted->fence);
  }
  if (const auto* refused = std::get_if<quorum::Refused>(&reply)) {
    must(refused->remaining >= std::chrono::milliseconds{-1}, "a remaining time is in range");
    must(!refused->position || refused->position->ahead < refused->position->waiting,
         "a position is in the queue");
    text += refused->holder.value + refused->info.host + std::to_string(refused->info.pid);
  }
  if (const auto* extended = std::get_if<quorum::Extended>(&reply)) {
    must(extended->counter <= quorum::kMaxFence, "a counter is in range");
  }
  return text;
}

void look_at(const redis::Value& answer) {
  static constexpr std::chrono::hours kLongest{24 * 366 * 100};
  const auto sane = [](std::chrono::milliseconds remaining) {
    must(remaining >= std::chrono::milliseconds{-1} && remaining <= kLongest, "a remaining time is in range");
  };
  for (const auto& [what, slots] : {std::pair{quorum::Probe::Holder, false},
                                    {quorum::Probe::QueueState, false},
                                    {quorum::Probe::QueueState, true}}) {
    const redis::Found found = redis::decode_probe(what, answer, slots);
    if (const auto* state = std::get_if<quorum::QueueState>(&found)) {
      sane(state->remaining);
      must(!state->position || state->position->ahead < state->position->waiting,
           "a position is in the queue");
    }
  }
}

// Turns all replies into what the algorithm hears, as Link does, cut into pieces by `cut`.
class Listener {
 public:
  explicit Listener(std::uint8_t flags) : asked_{asked_in(flags)} {}

  // False when the connection is of no more use.
  bool hear(std::string_view piece) {
    reader_.feed(piece);
    for (;;) {
      auto next = reader_.next();
      if (std::holds_alternative<redis::ReplyReader::NeedMore>(next)) return true;
      if (const auto* malformed = std::get_if<redis::ReplyReader::Malformed>(&next)) {
        must(!malformed->why.empty() && fuzz::presentable(malformed->why), "what is malformed is said");
        heard_.emplace_back("malformed");  // the words may depend on how much had come
        return false;
      }
      if (!take(std::get<redis::Value>(std::move(next)))) return false;
    }
  }

  const std::vector<std::string>& heard() const { return heard_; }

 private:
  bool take(redis::Value value) {
    Size size;
    add_up(value, size);
    must(size.bytes <= redis::kMaxReplyBytes && size.values <= redis::kMaxReplyValues,
         "a reply is within its limits");
    if (asked_.greeting.empty()) {
      look_at(value);
      auto outcome = redis::decode(asked_.request, std::move(value));
      heard_.push_back(std::visit([](const auto& what) { return told(what); }, outcome));
      return true;
    }
    const auto step = asked_.greeting.front();
    asked_.greeting.pop_front();
    const auto failure = greeting_.take(step, value);
    heard_.push_back(failure ? told(*failure) : std::string{"greeted"});
    if (!asked_.greeting.empty()) return true;
    const quorum::Identity& identity = greeting_.identity();
    must(!identity.known || (!identity.run_id.empty() && identity.uptime.count() >= 0), "an identity is one");
    heard_.push_back(identity.run_id + std::to_string(identity.uptime.count()));
    return true;
  }

  Asked asked_;
  redis::ReplyReader reader_;
  redis::SetupReader greeting_;
  std::vector<std::string> heard_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes = fuzz::as_text(data + 2, size - 2);
  Listener at_once{data[0]};
  at_once.hear(bytes);

  Listener in_pieces{data[0]};
  std::uint8_t dice = data[1];
  for (std::string_view rest = bytes; !rest.empty();) {
    dice = static_cast<std::uint8_t>(dice * 5U + 1U);
    const std::string_view piece = rest.substr(0, dice % 16U + 1U);
    if (!in_pieces.hear(piece)) break;
    rest.remove_prefix(piece.size());
  }
  must(at_once.heard() == in_pieces.heard(), "how the network cuts the bytes makes no difference");
  return 0;
}

#include "redis/queue.hpp"

#include "base/text.hpp"
#include "redis/answers.hpp"
#include "redis/scripts.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace redlock::redis {
namespace {

using Type = Value::Type;

// As the answer to a ProbeRequest. Of slots, what counts is the one that falls free first.
Found decode_queue_state(Value answer, bool slots) {
  auto outcome = decode(slots ? RequestKind::ProbeSlots : RequestKind::Probe, std::move(answer));
  const auto* reply = std::get_if<quorum::Reply>(&outcome);
  if (reply == nullptr) return {};
  if (const auto* free = std::get_if<quorum::Free>(reply)) {
    return quorum::QueueState{.holder = {}, .remaining = {}, .info = {}, .position = free->position};
  }
  const auto& all = std::get<quorum::Refused>(*reply);
  const quorum::Refused* first = &all;
  for (const quorum::Refused& each : all.others) {
    const bool ends = each.remaining.count() >= 0;
    if (slots && ends && (first->remaining.count() < 0 || each.remaining < first->remaining)) first = &each;
  }
  const quorum::Refused& refused = *first;
  return quorum::QueueState{.holder = refused.holder,
                            .remaining = refused.remaining,
                            .info = refused.info,
                            .position = all.position,
                            .name = refused.name,
                            .barred = refused.barred};
}

}  // namespace

std::string name_in_queue(const quorum::QueueEntry& entry) {
  return fmt::format("{:016}-{:016x}", entry.began_us, entry.number);
}

std::string channel_of(const quorum::QueueEntry& entry) {
  return std::string{kChannelPrefix} + name_in_queue(entry);
}

std::optional<Called> decode_call(std::string_view message) {
  constexpr std::string_view left = "left ";
  const bool granted = !message.starts_with(left);
  if (!granted) message.remove_prefix(left.size());
  const auto ahead = parse_number<unsigned>(message);
  if (!ahead || *ahead >= kCalled) return std::nullopt;
  return Called{.ahead = *ahead, .granted = granted};
}

std::optional<quorum::QueuePosition> position_in_queue(long long ahead, long long waiting) {
  if (ahead < 0 || waiting <= ahead) return std::nullopt;
  return quorum::QueuePosition{.ahead = static_cast<std::uint64_t>(ahead),
                               .waiting = static_cast<std::uint64_t>(waiting)};
}

std::vector<std::string> leave_words(std::span<const LockKeys> names, const quorum::QueueEntry& entry) {
  if (names.front().slot) names = names.first(1);  // they share one queue
  std::vector<std::string> words{"EVAL", leave_script(), std::to_string(2 * names.size())};
  for (const LockKeys& keys : names) words.insert(words.end(), {keys.queue, keys.bar});
  words.push_back(name_in_queue(entry));
  return words;
}

std::vector<std::string> probe_words(quorum::Probe what, std::span<const LockKeys> names,
                                     const quorum::QueueEntry& entry) {
  if (what == quorum::Probe::Holder) return {"GET", names.front().lock};
  if (names.front().slot) {
    std::vector<std::string> words{"EVAL", probe_slots_script()};
    const auto keys = keys_of_slots(names, names.front());
    words.push_back(std::to_string(keys.size()));
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), {"", name_in_queue(entry)});
    return words;
  }
  std::vector<std::string> words{"EVAL", probe_script(), std::to_string(4 * names.size())};
  for (const LockKeys& keys : names) words.insert(words.end(), {keys.lock, keys.info, keys.queue, keys.bar});
  words.insert(words.end(), {"", name_in_queue(entry)});
  return words;
}

Found decode_probe(quorum::Probe what, Value answer, bool slots) {
  if (what == quorum::Probe::QueueState) return decode_queue_state(std::move(answer), slots);
  if (answer.type == Type::Nil) return FoundHolder{};
  if (answer.type == Type::String) return FoundHolder{quorum::Token{std::move(answer.text)}};
  return {};
}

}  // namespace redlock::redis

#include "describe.hpp"

#include "base/overload.hpp"

#include <fmt/format.h>

namespace redlock::sim {
std::string describe(const quorum::Token& token) {
  return token.value.empty() ? "nobody" : token.value.substr(0, 6);
}

std::string describe(const Names& names) {
  std::string text;
  for (const std::size_t name : names) text += static_cast<char>('a' + name);
  return text;
}

std::string describe(Duration duration) {
  return fmt::format("{:.3f} ms", std::chrono::duration<double, std::milli>{duration}.count());
}

std::string describe(const Command& command) {
  return std::visit(
      Overload{[](const quorum::AcquireRequest& acquire) {
                 return fmt::format("acquire {} for {} ms, proposing {}", describe(acquire.token),
                                    acquire.ttl.count(), acquire.proposal);
               },
               [](const quorum::ProbeRequest&) -> std::string { return "probe"; },
               [](const quorum::ConfirmRequest& confirm) {
                 return fmt::format("confirm {} with fence {}", describe(confirm.token), confirm.fence);
               },
               [](const quorum::ExtendRequest& extend) {
                 return fmt::format("extend {} for {} ms, attempt {}", describe(extend.token),
                                    extend.ttl.count(), extend.attempt);
               },
               [](const quorum::ReleaseRequest& release) {
                 const std::string rests =
                     release.rest ? fmt::format(", resting for {} ms", release.rest->length.count()) : "";
                 return fmt::format("release {}{}{}", describe(release.token), rests,
                                    release.note.count() > 0 ? ", leaving a note" : "");
               },
               [](const ForeignSet& set) {
                 return fmt::format("SET {} NX PX {}", describe(set.token), set.ttl.count());
               }},
      command);
}

std::string describe(const quorum::Reply& reply) {
  return std::visit(
      Overload{[](const quorum::Granted& granted) { return fmt::format("granted, fence {}", granted.fence); },
               [](const quorum::Refused& refused) {
                 return fmt::format("refused: {} has it for {} ms", describe(refused.holder),
                                    refused.remaining.count());
               },
               [](const quorum::Free&) -> std::string { return "free"; },
               [](const quorum::Confirmed& confirmed) -> std::string {
                 return confirmed.accepted ? "confirmed" : "not confirmed";
               },
               [](const quorum::Extended& extended) {
                 return fmt::format("extended, planted by attempt {}, counter {}", extended.set_by,
                                    extended.counter);
               },
               [](const quorum::Restored& restored) {
                 return fmt::format("replanted, counter found {}", restored.counter);
               },
               [](const quorum::NotOurs& other) {
                 return fmt::format("not ours: {} has it{}", describe(other.holder),
                                    other.released ? "; given back"
                                    : other.broken ? "; broken"
                                                   : "");
               },
               [](const quorum::Released& released) -> std::string {
                 if (released.was_ours) return "released";
                 return released.held_by_other ? "not released: another's" : "not released: absent";
               },
               [](const quorum::Failure& failure) { return failure.detail; }},
      reply);
}

std::string describe(const quorum::AcquireVerdict& verdict) {
  return std::visit(
      Overload{
          [](const quorum::Won& won) {
            return fmt::format("won: {} with fence {} and {} voters", describe(won.token), won.fence,
                               won.voters.size());
          },
          [](const quorum::Held& held) {
            return fmt::format("held by {} with {} votes", describe(held.holder), held.votes);
          },
          [](const quorum::NoQuorum&) -> std::string { return "no quorum"; },
          [](const quorum::Split& split) { return fmt::format("divided among {} others", split.contenders); },
          [](const quorum::TooLate& late) { return fmt::format("too late, after {}", describe(late.took)); },
          [](const quorum::SameServer& same) {
            return fmt::format("addresses {} and {} are one server", same.first, same.second);
          },
          [](const quorum::Cancelled&) -> std::string { return "withdrawn"; }},
      verdict);
}

std::string describe(const quorum::Loss& loss) {
  return std::visit(
      Overload{[](const quorum::Taken& taken) { return fmt::format("taken by {}", describe(taken.holder)); },
               [](const quorum::Vanished&) -> std::string { return "vanished"; },
               [](const quorum::Expired&) -> std::string { return "expired"; },
               [](const quorum::ReleasedByHand&) -> std::string { return "given back"; },
               [](const quorum::Broken&) -> std::string { return "broken"; }},
      loss);
}

}  // namespace redlock::sim

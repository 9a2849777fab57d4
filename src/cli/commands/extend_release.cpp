#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/overload.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/acquire_lock.hpp"
#include "cli/commands/inspect.hpp"
#include "cli/describe_holder.hpp"
#include "cli/messages.hpp"
#include "config/name.hpp"
#include "lock/manual.hpp"
#include "lock/report.hpp"
#include "process/signal_fd.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redlock::cli {
namespace {

// Tokens of redlock have 40 bytes.
constexpr std::size_t kLongestToken = 512;

std::string read_token() {
  std::string text;
  std::array<char, kLongestToken + 2> buffer;
  while (text.size() <= kLongestToken + 1) {
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SystemError{"cannot read the token from standard input", errno};
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// Whether the word is a name of the lock that the surrounding `run` or `acquire` has told of.
bool is_name_of_surrounding_lock(const std::string& word) {
  const char* const names = std::getenv("REDLOCK_NAME");
  if (names == nullptr || std::getenv("REDLOCK_TOKEN") == nullptr) return false;
  return ("\n" + std::string{names} + "\n").find("\n" + word + "\n") != std::string::npos;
}

// The names, and the token that may stand behind a single one.
struct LockAndToken {
  std::vector<std::string> names;
  std::optional<std::string> token;
};
LockAndToken split_words(const Arguments& arguments) {
  LockAndToken split{.names = arguments.names, .token = arguments.token};
  if (!split.token && split.names.size() == 2 && !is_name_of_surrounding_lock(split.names.back())) {
    split.token = std::move(split.names.back());
    split.names.pop_back();
  }
  config::check_lock_names(split.names);
  return split;
}

quorum::Token token_of(const std::optional<std::string>& given) {
  std::string token;
  const char* const variable = std::getenv("REDLOCK_TOKEN");
  if (given) {
    token = *given == "-" ? read_token() : *given;
  } else if (variable != nullptr) {
    token = variable;
  }
  if (token.empty()) {
    throw UsageError{
        "no token: give it behind a single name, with --token, in $REDLOCK_TOKEN, or with '-' on standard "
        "input; it is what "
        "'redlock acquire' printed"};
  }
  if (token.size() > kLongestToken) {
    throw UsageError{fmt::format("the token is longer than {} bytes: it is none", kLongestToken)};
  }
  return {std::move(token)};
}

// The slot that the token holds, as far as the nodes tell; where none of them shows it, the lock without slots.
LockNames find_slot(LockNames lock, const quorum::Token& token) {
  if (lock.settings.slots == 0) return lock;
  lock::Inspector inspector = open_inspector(lock.settings);
  const std::vector<StatusView> slots = *inspect_locks(inspector, lock);
  for (const StatusView& slot : slots) {
    for (const lock::Observation& observation : slot.observations) {
      const redis::NodeLockState* const state = observation.state();
      if (state == nullptr || state->holder != token) continue;
      lock.names = {slot.name};
      lock.keys = {lock.settings.key_prefix + slot.name};
      lock.slots = {0};
    }
  }
  lock.settings.slots = 0;
  return lock;
}

// The lock that the command line names, and connections that are not open yet. Meanwhile no signal interrupts the program.
struct LockByHand {
  explicit LockByHand(const Arguments& arguments) : LockByHand{arguments, split_words(arguments)} {}
  LockByHand(const Arguments& arguments, const LockAndToken& words)
      : token{token_of(words.token)},
        lock{find_slot(load_lock(arguments, words.names), token)},
        name{some_slot() + describe_lock(lock.names)},
        was{some_slot() + describe_lock(lock.names, "was")},
        driver(open_driver(lock, describe_process(getppid()))) {}

  const config::Settings& settings() const { return lock.settings; }

  // If no node shows the token in any of the slots.
  std::string some_slot() const { return lock.slots.front() > 0 ? "a slot of " : ""; }

  // Logs that no quorum answered, and which nodes did not, and why.
  int report_no_quorum(std::string_view what, const std::vector<std::string>& troubles) const {
    log::error(fmt::format("no quorum for {}: cannot {}: {} of {} nodes needed", name, what,
                           quorum::votes_needed(driver.size()), driver.size()));
    for (const std::string& trouble : troubles) log::error("  " + trouble);
    return exit_status::kNoQuorum;
  }

  process::SignalFd signals;
  quorum::Token token;
  LockNames lock;
  std::string name;
  std::string was;  // the same with a verb: "'a' was"
  lock::Driver driver;
};

constexpr const char* kNeverHeld = "nobody holds it: it expired, or was never held with this token";
constexpr const char* kNotHeldTogether =
    "nobody holds all of them: one of them expired, or was never held with this token";
constexpr const char* kNeverHeldThem = "nobody holds them: they expired, or were never held with this token";

// `it`: "it" or "one of them".
std::string held_by(const quorum::HolderInfo& info, std::string_view it = "it") {
  const std::uint64_t now_us = read_clocks().wall_us;
  if (info.resting) return fmt::format("{} rests: {}", it, describe_rest(info, std::nullopt, now_us));
  return fmt::format("{} is held by {}", it, lock::describe_holder(info, now_us));
}

}  // namespace

int extend(const Arguments& arguments) {
  LockByHand lock{arguments};
  const std::string not_extended = lock.was + " not extended: ";
  const bool several = lock.lock.names.size() > 1;
  const std::string it = several ? "one of them" : "it";
  const auto outcome = lock::extend_by_hand(lock.driver, lock.token, lock.settings().ttl);
  return std::visit(
      Overload{[&](const quorum::LeaseExtended& extended) {
                 log::debug(fmt::format("{} extended with {} of {} votes, fence {}, valid for {} at least",
                                        lock.name, extended.votes, lock.driver.size(), extended.fence,
                                        human_duration(extended.valid_until - BootClock::now())));
                 return exit_status::kYes;
               },
               [&](const quorum::Lapsed& lapsed) {
                 log::notice(not_extended + (lapsed.broken     ? it + " has been broken"
                                             : lapsed.released ? it + " has been released"
                                             : several         ? kNotHeldTogether
                                                               : kNeverHeld));
                 return exit_status::kNo;
               },
               [&](const quorum::HeldByOther& others) {
                 log::notice(not_extended + held_by(others.info, it));
                 return exit_status::kNo;
               },
               [&](const quorum::NoQuorum&) {
                 return lock.report_no_quorum("prove that it is still held", outcome.troubles);
               },
               [&](const quorum::SameServer& same) -> int { refuse_same_server(lock.settings(), same); }},
      outcome.verdict);
}

// Each name by itself: one that is free does not hide that another is released.
int release(const Arguments& arguments) {
  LockByHand lock{arguments};
  std::vector<quorum::ReleaseRequest> releases;
  for (std::size_t i = 0; i < lock.lock.names.size(); ++i)
    releases.push_back({.token = lock.token, .note = lock.settings().ttl, .name = i});
  const std::vector<lock::ManualRelease> outcomes = lock::release_by_hand(lock.driver, releases);
  std::vector<std::string> released;
  std::vector<std::string> expired;
  std::vector<std::string> others;  // messages
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const std::string& name = lock.lock.names[i];
    using enum quorum::ReleaseResult;
    switch (outcomes[i].result) {
      case Ours: released.push_back(name); break;
      case Expired: expired.push_back(name); break;
      case Others:
        others.push_back(lock.some_slot() + describe_lock({name}, "was") +
                         " not released: " + held_by(outcomes[i].other));
        break;
      case NoQuorum:
        if (const auto same = lock.driver.membership().duplicate())
          refuse_same_server(lock.settings(), {.first = same->first, .second = same->second});
        return lock.report_no_quorum("tell whether it is released", outcomes[i].troubles);
    }
  }
  const bool all = released.size() == outcomes.size();
  if (!released.empty()) {
    const std::string message = describe_lock(released, "was") + " released";
    all ? log::debug(message) : log::notice(message);
  }
  if (!expired.empty()) {
    log::notice(lock.some_slot() + describe_lock(expired, "was") +
                " not released: " + (expired.size() == 1 ? kNeverHeld : kNeverHeldThem));
  }
  for (const std::string& message : others) log::notice(message);
  return all ? exit_status::kYes : exit_status::kNo;
}

}  // namespace redlock::cli

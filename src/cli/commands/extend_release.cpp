#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/overload.hpp"
#include "base/text.hpp"
#include "cli/args/options.hpp"
#include "cli/commands/acquire_lock.hpp"
#include "cli/describe_holder.hpp"
#include "cli/messages.hpp"
#include "lock/manual.hpp"
#include "lock/report.hpp"
#include "process/signal_fd.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
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

quorum::Token token_of(const Arguments& arguments) {
  std::string token;
  const char* const variable = std::getenv("REDLOCK_TOKEN");
  if (arguments.token) {
    token = *arguments.token == "-" ? read_token() : *arguments.token;
  } else if (variable != nullptr) {
    token = variable;
  }
  if (token.empty()) {
    throw UsageError{
        "no token: give it behind the name, in $REDLOCK_TOKEN, or with '-' on standard input; it is what "
        "'redlock acquire' printed"};
  }
  if (token.size() > kLongestToken) {
    throw UsageError{fmt::format("the token is longer than {} bytes: it is none", kLongestToken)};
  }
  return {std::move(token)};
}

// Logs which nodes did not answer, and why.
int report_no_quorum(const std::string& what, const std::vector<std::string>& troubles) {
  log::error(what);
  for (const std::string& trouble : troubles) log::error("  " + trouble);
  return exit_status::kNoQuorum;
}

std::string held_by(const quorum::HolderInfo& info) {
  return lock::describe_holder(info, read_clocks().wall_us);
}

}  // namespace

int extend(const Arguments& arguments) {
  const std::string name = quoted(arguments.name);
  const quorum::Token token = token_of(arguments);
  const config::Settings settings = config::load(arguments, arguments.name);
  const process::SignalFd signals;  // no signal interrupts it
  lock::Driver driver = open_driver(arguments.name, settings, describe_process(getppid()));
  const auto outcome = lock::extend_by_hand(driver, token, settings.ttl);
  return std::visit(
      Overload{
          [&](const quorum::LeaseExtended& extended) {
            log::debug(fmt::format("lock {} extended with {} of {} votes, fence {}, valid for {} at least",
                                   name, extended.votes, driver.size(), extended.fence,
                                   human_duration(extended.valid_until - BootClock::now())));
            return exit_status::kYes;
          },
          [&](const quorum::Lapsed& lapsed) {
            log::notice(fmt::format("lock {} was not extended: {}", name,
                                    lapsed.broken ? "it has been broken"
                                    : lapsed.released
                                        ? "it has been released"
                                        : "nobody holds it: it expired, or was never held with this token"));
            return exit_status::kNo;
          },
          [&](const quorum::HeldByOther& others) {
            log::notice(
                fmt::format("lock {} was not extended: it is held by {}", name, held_by(others.info)));
            return exit_status::kNo;
          },
          [&](const quorum::NoQuorum&) {
            return report_no_quorum(
                fmt::format(
                    "no quorum for lock {}: cannot prove that it is still held: {} of {} nodes needed", name,
                    quorum::votes_needed(driver.size()), driver.size()),
                outcome.troubles);
          },
          [&](const quorum::SameServer& same) -> int { refuse_same_server(settings, same); }},
      outcome.verdict);
}

int release(const Arguments& arguments) {
  const std::string name = quoted(arguments.name);
  const quorum::Token token = token_of(arguments);
  const config::Settings settings = config::load(arguments, arguments.name);
  const process::SignalFd signals;  // no signal interrupts it
  lock::Driver driver = open_driver(arguments.name, settings, describe_process(getppid()));
  const auto released = lock::release_by_hand(driver, {.token = token, .note = settings.ttl});
  using enum quorum::ReleaseResult;
  switch (released.result) {
    case Ours: log::debug(fmt::format("lock {} released", name)); return exit_status::kYes;
    case Expired:
      log::notice(fmt::format(
          "lock {} was not released: nobody holds it: it expired, or was never held with this token", name));
      return exit_status::kNo;
    case Others:
      log::notice(fmt::format("lock {} was not released: it is held by {}", name, held_by(released.other)));
      return exit_status::kNo;
    case NoQuorum: break;
  }
  if (const auto same = driver.membership().duplicate()) {
    refuse_same_server(settings, {.first = same->first, .second = same->second});
  }
  return report_no_quorum(
      fmt::format("no quorum for lock {}: cannot tell whether it is released: {} of {} nodes needed", name,
                  quorum::votes_needed(driver.size()), driver.size()),
      released.troubles);
}

}  // namespace redlock::cli

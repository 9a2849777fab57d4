#include "whole/witness.hpp"

#include "describe.hpp"
#include "quorum/validity.hpp"
#include "whole/node_server.hpp"
#include "whole/program.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace redlock::sim {

Witness::Witness(Setting& setting, Referee& referee, Program& program)
    : setting_{setting}, referee_{referee}, program_{program}, votes_(program.addresses()) {
  program.set_listener(this);
}

// ---- On the wire

void Witness::asked(std::size_t address, Asked& request) {
  request.number = ++number_;
  if (request.about_lock) last_asked_ = setting_.queue.now();
  if (setting_.traced() && request.kind != ScriptKind::Other) {
    setting_.say(program_.name(), fmt::format("writes to {}: {} {}", request.server->name(),
                                              name_of(request.kind), describe(quorum::Token{request.token})));
  }
  if (request.kind == ScriptKind::Acquire) begin_round(address, request);
  // One of an attempt before the last success may still be written, to a node that could not be reached until then.
  if (request.kind == ScriptKind::Extend && request.proves && request.attempt >= last_success_)
    attempts_.emplace(request.attempt, request.sent_at);
  if (request.kind == ScriptKind::Release) {
    abandon(request.token);
    if (const auto mine = mine_.find(request.token); mine != mine_.end()) {
      mine->second.written[address] = setting_.queue.now();
    }
  } else {
    show_alive(request.token);
  }
}

void Witness::begin_round(std::size_t address, const Asked& request) {
  last_acquire_ = setting_.queue.now();
  if (token_ != request.token) {
    // One of which a part had been written before, and which is only now complete.
    if (mine_.contains(request.token)) return;
    abandon(token_);
    token_ = request.token;
    mine_[token_].asked = request.sent_at;
    attempts_.clear();
    last_success_ = 0;
    referee_.asked(program_, quorum::Token{token_});
  }
  if (std::exchange(proposal_, request.proposal) != request.proposal) {
    // The proposal is the wall clock of the moment at which the round began.
    round_began_ = std::min(request.sent_at, program_.when_wall(request.proposal));
  }
  votes_[address] = {.id = request.number, .sent = request.sent};
}

void Witness::read_reply(std::size_t address, const Asked& request) {
  if (request.kind == ScriptKind::Acquire && votes_[address].id == request.number && !request.refused) {
    votes_[address].read = program_.now().boot;
    votes_[address].server = request.server;
  }
  if (request.kind != ScriptKind::Release) show_alive(request.token);
  const auto mine = mine_.find(request.token);
  if (request.kind == ScriptKind::Release && mine != mine_.end()) {
    (request.refused ? mine->second.refused : mine->second.released).insert(address);
  }
}

void Witness::show_alive(const std::string& token) {
  const auto mine = mine_.find(token);
  if (mine != mine_.end() && mine->second.abandoned == Instant::max())
    mine->second.alive = setting_.queue.now();
}

void Witness::abandon(const std::string& token) {
  const auto mine = mine_.find(token);
  if (mine == mine_.end() || mine->second.abandoned != Instant::max()) return;
  mine->second.abandoned = setting_.queue.now();
  referee_.abandoned(quorum::Token{token});
}

// ---- From its body

void Witness::won(const quorum::Won& won, Duration configured_timeout) {
  for (const quorum::NodeIndex address : won.voters) {
    if (votes_[address].server != nullptr) continue;
    setting_.violated(
        fmt::format("{} counts a vote of address {}, which has not answered", program_.name(), address + 1));
  }
  referee_.granted(program_, won, votes_, round_began_, quorum::longest_round(configured_timeout));
}

// When the attempt began that a lease's end was counted from.
Instant Witness::began(TimePoint valid_until, std::chrono::milliseconds ttl) const {
  return program_.when(valid_until - (quorum::validity_end(TimePoint{}, ttl) - TimePoint{}));
}

void Witness::extended(const quorum::Token& token, TimePoint valid_until, std::chrono::milliseconds ttl) {
  const Instant asked = began(valid_until, ttl);
  // The attempt that began then is the first whose requests went out no earlier.
  auto attempt = attempts_.end();
  for (auto each = attempts_.begin(); each != attempts_.end(); ++each) {
    if (each->second >= asked && (attempt == attempts_.end() || each->second < attempt->second))
      attempt = each;
  }
  if (attempt == attempts_.end()) {
    setting_.violated(
        fmt::format("{} counts on its lease for longer than any of its attempts grants", program_.name()));
  }
  for (auto earlier = attempts_.begin(); earlier != attempt; ++earlier)
    referee_.extended_in_between(token, earlier->first, earlier->second, ttl);
  referee_.extended(token, attempt->first, asked, program_.polled_at(), valid_until, ttl);
  attempts_.erase(attempts_.begin(), attempt);
  last_success_ = attempt->first;
}

void Witness::extended_by_hand(const quorum::Token& token, TimePoint valid_until,
                               std::chrono::milliseconds ttl) {
  referee_.extended_by_hand(token, began(valid_until, ttl), program_.polled_at(), valid_until, ttl);
}

void Witness::ended(const quorum::Token& token) {
  show_alive(token.value);
  referee_.ended(token);
  abandon(token.value);
}

void Witness::gave_up() {
  show_alive(token_);
  abandon(token_);
}

void Witness::gave_back(Duration allowance, bool elsewhere) {
  abandon(token_);
  left(allowance, elsewhere);
}

void Witness::left(Duration allowance, bool elsewhere) {
  for (auto& [token, mine] : mine_) {
    if (mine.abandoned == Instant::max() || mine.returned != Instant::max()) continue;
    mine.returned = setting_.queue.now();
    mine.allowance = allowance;
    mine.elsewhere = elsewhere;
  }
}

// ---- Ghosts

void Witness::excuse() {
  for (const auto& [token, mine] : mine_) {
    if (mine.abandoned == Instant::max()) continue;
    for (std::size_t address = 0; address < program_.addresses(); ++address) {
      if (is_excused(mine, address)) referee_.unreachable(quorum::Token{token}, address);
    }
  }
}

bool Witness::is_excused(const Mine& mine, std::size_t address) const {
  if (mine.refused.contains(address)) return true;
  // What the other process has written may still be under way, on a connection of its own.
  if (mine.elsewhere && mine.released.contains(address)) return true;
  // One that was stopped meanwhile may have decided to give back long before it could say so.
  if (program_.paused_between(mine.asked, mine.returned)) return true;
  const Duration latency = setting_.scenario.latency * 3 / 2;
  // Time enough on a quiet way to look a name up, to connect, to shake hands and to be answered; and the longest pause
  // between two tries.
  const Duration anew = 14 * latency;
  const Duration needed = anew + std::chrono::milliseconds{90};
  const Instant owed_until = program_.when(program_.read(mine.alive) + mine.allowance);
  const Instant returned = std::min(mine.returned, owed_until);

  auto troubles = program_.disturbances(address);
  const auto& nodes = program_.node_at(address).disturbances();
  troubles.insert(troubles.end(), nodes.begin(), nodes.end());
  std::sort(troubles.begin(), troubles.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
  const bool refused = std::any_of(troubles.begin(), troubles.end(), [&](const auto& each) {
    return each.error && each.until >= mine.asked && each.from <= mine.returned;
  });
  if (refused) return true;
  const auto written = mine.written.find(address);
  const Instant last_told = written != mine.written.end() ? written->second : mine.abandoned;
  // A break that it saw behind its last release, and while it could still do something, obliges it to try again, until the end of the allowance.
  const bool saw_break = std::any_of(troubles.begin(), troubles.end(), [&](const auto& each) {
    return each.seen && each.until >= last_told && each.until < returned;
  });
  const Instant limit = saw_break ? owed_until : returned;
  Instant quiet_since = mine.abandoned;
  bool quiet = true;
  for (const auto& trouble : troubles) {
    if (trouble.until < mine.abandoned || trouble.from > returned + 2 * latency) continue;
    quiet = false;
    if (trouble.from >= quiet_since + needed && quiet_since + needed <= limit) return false;
    quiet_since = std::max(quiet_since, trouble.until);
  }
  if (quiet) return mine.abandoned + anew > owed_until;
  return quiet_since + needed > limit;
}

}  // namespace redlock::sim

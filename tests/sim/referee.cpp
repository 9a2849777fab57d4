#include "referee.hpp"

#include "base/overload.hpp"
#include "describe.hpp"
#include "quorum/validity.hpp"

#include <algorithm>
#include <utility>

namespace redlock::sim {
namespace {

using quorum::Token;
using std::chrono::milliseconds;

bool overlap(const Names& one, const Names& other) {
  return std::find_first_of(one.begin(), one.end(), other.begin(), other.end()) != one.end();
}

}  // namespace

Referee::Referee(Setting& setting) : setting_{setting} {
}

void Referee::begin(const std::vector<ServerView*>& server_of_address) {
  server_of_address_ = server_of_address;
  servers_ = server_of_address;
  servers_.erase(std::unique(servers_.begin(), servers_.end()), servers_.end());
}

Referee::Story& Referee::story(const Token& token) {
  Story& tale = stories_[token];
  if (tale.places.empty()) tale.places.resize(servers_.size() * setting_.scenario.names);
  return tale;
}

std::size_t Referee::at(std::size_t server, std::size_t name) const {
  return server * setting_.scenario.names + name;
}

// ---- Servers

void Referee::executed(const ServerView& server, const Command& command, const Names& names,
                       const quorum::Reply& reply, const std::vector<Before>& before) {
  const Token token = std::visit([](const auto& each) { return each.token; }, command);
  const bool sets =
      std::holds_alternative<quorum::AcquireRequest>(command) || std::holds_alternative<ForeignSet>(command);
  if (sets) story(token).names = names;
  for (std::size_t i = 0; i < names.size(); ++i) executed_on(server, command, names[i], reply, before[i]);
}

void Referee::executed_on(const ServerView& server, const Command& command, std::size_t name,
                          const quorum::Reply& reply, const Before& was) {
  const std::size_t index = at(server.index(), name);
  const Token& before = was.holder;
  const Instant now = setting_.queue.now();
  const auto hands_off = [&](const Token& token) {
    const bool sets =
        std::holds_alternative<quorum::Granted>(reply) || std::holds_alternative<quorum::Restored>(reply);
    const std::string* after = server.holder(name);
    if (before.value.empty() && !sets && after != nullptr) {
      setting_.violated(fmt::format("{} was refused and set a key on {}", describe(token), server.name()));
    }
    if ((before.value.empty() && sets) || before == token) return;
    if (server.counter(name) != was.counter) {
      setting_.violated(fmt::format("{} changed the counter of {}, which it does not hold", describe(token),
                                    server.name()));
    }
    if (before.value.empty()) return;
    if (after == nullptr || *after != before.value) {
      setting_.violated(fmt::format("{} took {} from {}", describe(token), server.name(), describe(before)));
    }
  };
  check_rest_untouched(server, command, name, before);
  const auto vouched = [&](const Token& token, quorum::Fence fence) {
    const std::string* holder = server.holder(name);
    if (holder == nullptr || *holder != token.value || server.written_fence(name) != fence) return;
    Story& tale = story(token);
    tale.places[index].vouched = !granted_since(tale);
  };
  std::visit(
      Overload{
          [&](const quorum::AcquireRequest& acquire) {
            hands_off(acquire.token);
            const auto* granted = std::get_if<quorum::Granted>(&reply);
            if (granted == nullptr) return;
            Place& place = story(acquire.token).places[index];
            if (before != acquire.token) {
              place.planting = {
                  .at = now, .by = 0, .found = place.planting.found, .crash = server.started_at()};
              place.there = true;
              place.outlived.reset();
              place.rest.reset();
            }
            place.fence = granted->fence;
            place.losses = server.losses();
            place.vouched = false;
          },
          [](const quorum::ProbeRequest&) {},
          [&](const quorum::ConfirmRequest& confirm) {
            hands_off(confirm.token);
            vouched(confirm.token, confirm.fence);
            const auto* confirmed = std::get_if<quorum::Confirmed>(&reply);
            if (confirmed == nullptr || !confirmed->accepted) return;
            Place& place = story(confirm.token).places[index];
            place.fence = confirm.fence;
            place.losses = server.losses();
          },
          [&](const quorum::ExtendRequest& extend) {
            hands_off(extend.token);
            Story& tale = story(extend.token);
            Place& place = tale.places[index];
            if (std::holds_alternative<quorum::Extended>(reply) && before == extend.token) {
              const bool keepers = extend.repair && extend.attempt < quorum::kLeastWallAttempt;
              // Twice where two addresses lead here: the client has seen the first.
              if (keepers) place.found_by.emplace(extend.attempt, place.planting);
              if (!keepers) place.found_by_hand = now;
              if (extend.vouches > 0) vouched(extend.token, extend.fence);
            } else if (const auto* restored = std::get_if<quorum::Restored>(&reply);
                       restored != nullptr && before != extend.token) {
              if (!anywhere_but(extend.token, server, name))
                tale.wholly_lost = tale.wholly_lost.value_or(now);
              place.planting = {
                  .at = now, .by = extend.attempt, .found = restored->counter, .crash = server.started_at()};
              place.vouched = false;
              place.there = true;
              place.outlived.reset();
              place.rest.reset();
            }
          },
          [&](const quorum::ReleaseRequest& release) {
            hands_off(release.token);
            Place& place = story(release.token).places[index];
            place.released_at = now;
            const auto note = release.rest ? std::max(release.note, release.rest->length) : release.note;
            place.noted_until = note.count() > 0 ? now + note : Instant{};
            const std::string* after = server.holder(name);
            place.there = after != nullptr && *after == release.token.value;
            place.rest.reset();
            if (release.rest && before == release.token) note_rest(server, release, name, place);
          },
          [&](const ForeignSet& set) { hands_off(set.token); }},
      command);
}

void Referee::note_rest(const ServerView& server, const quorum::ReleaseRequest& release, std::size_t name,
                        Place& place) {
  constexpr milliseconds counter_life = std::chrono::days{30};
  const milliseconds length = release.rest->length;
  place.rest = {.last_ms = server.last_ms(name),
                .until = setting_.queue.now() + length - quorum::clock_drift(length)};
  const milliseconds outlives{server.counter_last_ms(name) - server.last_ms(name)};
  if (server.counter(name) > 0 && outlives < counter_life) {
    setting_.violated(fmt::format("the counter on {} outlives the rest of {} by {} ms only", server.name(),
                                  describe(release.token), outlives.count()));
  }
}

void Referee::check_rest_untouched(const ServerView& server, const Command& command, std::size_t name,
                                   const Token& resting) {
  if (resting.value.empty()) return;
  const auto& rest = story(resting).places[at(server.index(), name)].rest;
  const auto* release = std::get_if<quorum::ReleaseRequest>(&command);
  if (!rest || (release != nullptr && release->token == resting)) return;
  const std::string* after = server.holder(name);
  if (after != nullptr && *after == resting.value && server.last_ms(name) == rest->last_ms) return;
  setting_.violated(fmt::format("{} changed how long {} rests on {}",
                                describe(std::visit([](const auto& each) { return each.token; }, command)),
                                describe(resting), server.name()));
}

// A token that has been on a server since the acquisition had its vote alone there.
void Referee::check_rests(const ClientView& client, const Token& token, const Names& names) {
  if (!setting_.scenario.inside_model) return;
  for (const auto& [resting, tale] : stories_) {
    if (resting == token || tale.broken_by_hand || tale.places.empty()) continue;
    for (const std::size_t name : names) {
      std::size_t kept = 0;
      for (const ServerView* server : servers_) {
        const Place& place = tale.places[at(server->index(), name)];
        const bool acquired = place.planting.by == 0 && place.losses == server->losses();
        if (place.rest && acquired && setting_.queue.now() < place.rest->until) ++kept;
      }
      if (kept < majority_of(server_of_address_.size())) continue;
      setting_.violated(fmt::format("{} was granted the lock while {} rests on {} servers", client.name(),
                                    describe(resting), kept));
    }
  }
}

void Referee::expired(const ServerView& server, std::size_t name) {
  Place& place = story(Token{*server.last_holder(name)}).places[at(server.index(), name)];
  if (!place.there) return;
  place.there = false;
  place.outlived = server.gone_at(server.last_ms(name));
}

void Referee::forgot(const ServerView& server) {
  ++losses_;
  for (std::size_t name = 0; name < setting_.scenario.names; ++name) {
    for (auto& [token, tale] : stories_) {
      if (!tale.places.empty())
        tale.places[at(server.index(), name)].noted_until = {};  // its notes are gone with the rest
    }
    if (const std::string* token = server.last_holder(name)) {
      Place& place = story(Token{*token}).places[at(server.index(), name)];
      if (std::exchange(place.there, false)) place.rest.reset();
    }
  }
}

void Referee::deleted(const ServerView& server, std::size_t name) {
  ++losses_;
  story(Token{*server.last_holder(name)}).places[at(server.index(), name)].there = false;
}

bool Referee::anywhere_but(const Token& token, const ServerView& except, std::size_t name) const {
  return std::any_of(servers_.begin(), servers_.end(), [&](const ServerView* server) {
    // What has expired is there again when the server's clock jumps back.
    const bool jumps = has(setting_.scenario.faults, Fault::NodeJumps);
    const std::string* holder = jumps ? server->last_holder(name) : server->holder(name);
    return server != &except && holder != nullptr && *holder == token.value;
  });
}

// ---- Clients

void Referee::asked(const ClientView& client, const Token& token) {
  story(token).owner = &client;
}

void Referee::granted(const ClientView& client, const quorum::Won& won, const std::vector<Vote>& votes,
                      Instant round_began, Duration longest_round) {
  check_voters(client, won, votes, longest_round);
  Story& tale = story(won.token);
  check_exclusion(client, tale.names);
  check_rests(client, won.token, tale.names);
  Grant grant{.client = &client,
              .token = won.token,
              .names = tale.names,
              .foreign = false,
              .active = true,
              .valid_until = won.valid_until,
              .fence = won.fence,
              .at = setting_.queue.now(),
              .last_asked = setting_.queue.now(),
              .longest_round = longest_round,
              .confirmed = {},
              .votes = {}};
  for (const quorum::NodeIndex address : won.voters) {
    const std::size_t server = votes[address].server->index();
    const Place& place = tale.places[at(server, tale.names.front())];  // all names have one fence
    // A late vote with a greater fence is no part of the quorum that agreed.
    if (place.fence <= won.fence) grant.votes.emplace_back(server, place.losses);
    if (place.fence == won.fence) grant.confirmed.emplace_back(server, place.losses);
  }
  check_fence(grant, round_began);
  tale.grant = grants_.size();
  grants_.push_back(std::move(grant));
}

void Referee::granted_to_foreigner(const ClientView& client, const Token& token, const Names& names,
                                   TimePoint valid_until) {
  story(token).names = names;
  check_exclusion(client, story(token).names);
  check_rests(client, token, names);
  story(token).grant = grants_.size();
  grants_.push_back({.client = &client,
                     .token = token,
                     .names = story(token).names,
                     .foreign = true,
                     .active = true,
                     .valid_until = valid_until,
                     .fence = 0,
                     .at = setting_.queue.now(),
                     .last_asked = setting_.queue.now(),
                     .longest_round = {},
                     .confirmed = {},
                     .votes = {}});
}

void Referee::check_exclusion(const ClientView& client, const Names& names) {
  if (!setting_.scenario.inside_model) return;
  for (const Grant& other : grants_) {
    if (!other.active || other.client->now().boot >= other.valid_until) continue;
    if (!overlap(other.names, names)) continue;
    setting_.violated(fmt::format("{} was granted the lock while {} has it for another {}", client.name(),
                                  other.client->name(),
                                  describe(other.valid_until - other.client->now().boot)));
  }
}

void Referee::check_voters(const ClientView& client, const quorum::Won& won, const std::vector<Vote>& votes,
                           Duration longest_round) {
  std::vector<const ServerView*> voters;
  for (const quorum::NodeIndex address : won.voters) {
    if (votes[address].server == nullptr) {
      setting_.violated(fmt::format("{} counted a vote that is not of its last round", client.name()));
    }
    voters.push_back(votes[address].server);
    if (votes[address].read - votes[address].sent <= longest_round) continue;
    setting_.violated(fmt::format("{} counted a vote that it had asked for {} before", client.name(),
                                  describe(votes[address].read - votes[address].sent)));
  }
  std::sort(voters.begin(), voters.end());
  if (std::adjacent_find(voters.begin(), voters.end()) != voters.end()) {
    setting_.violated(fmt::format("{} counted two votes of one server", client.name()));
  }
  if (voters.size() < majority_of(server_of_address_.size())) {
    setting_.violated(fmt::format("{} won without a quorum", client.name()));
  }
}

void Referee::check_fence(const Grant& later, Instant round_began) {
  const Faults& faults = setting_.scenario.faults;
  const bool walls_right = !has(faults, Fault::WallJumps) && !has(faults, Fault::WildDrift);
  // By which right wall clocks may be apart after all this time: clock drift and the start.
  const Duration apart = later.at.time_since_epoch() / 100 + std::chrono::milliseconds{5};
  for (const Grant& earlier : grants_) {
    if (earlier.foreign || earlier.fence < later.fence || !overlap(earlier.names, later.names)) continue;
    const bool in_order = setting_.scenario.inside_model || earlier.at <= round_began;
    if (!in_order) continue;
    const bool remembered =
        std::any_of(earlier.confirmed.begin(), earlier.confirmed.end(), [&](const auto& vote) {
          return std::find(later.votes.begin(), later.votes.end(), vote) != later.votes.end();
        });
    const bool clocks_tell = walls_right && earlier.at + apart <= round_began;
    if (losses_ > 0 && !remembered && !clocks_tell) continue;
    setting_.violated(fmt::format("{} has fence {}, no greater than {} of {} before it", later.client->name(),
                                  later.fence, earlier.fence, earlier.client->name()));
  }
}

// Other libraries leave no trace.
bool Referee::granted_since(const Story& tale) const {
  return tale.grant &&
         std::any_of(grants_.begin() + static_cast<std::ptrdiff_t>(*tale.grant) + 1, grants_.end(),
                     [&](const Grant& later) { return !later.foreign && overlap(later.names, tale.names); });
}

void Referee::hand_extends(const Token& token) {
  story(token).extended_elsewhere = true;
}

void Referee::hand_extended(const Token& token, Instant asked, const Names& names) {
  for (const std::size_t name : names) story(token).proven_by_hand[name] = asked;
  if (!setting_.scenario.inside_model) return;
  const std::size_t grant = *story(token).grant;
  for (std::size_t later = grant + 1; later < grants_.size(); ++later) {
    if (grants_[later].foreign || grants_[later].at > asked) continue;
    if (!overlap(grants_[later].names, names)) continue;
    setting_.violated(fmt::format("{} was extended by hand although {} was granted the lock since",
                                  describe(token), grants_[later].client->name()));
  }
}

void Referee::breaks(const Token& token) {
  grants_[*story(token).grant].active = false;  // others may have it from now on
  story(token).broken_by_hand = true;
}

void Referee::broke(const Token& token) {
  Story& tale = story(token);
  tale.broken = {.at = setting_.queue.now(), .losses = losses_};
}

Referee::Worth Referee::worth_to_keeper(const Grant& grant, const Place& place, std::uint64_t attempt,
                                        Instant asked) const {
  const auto seen = place.found_by.find(attempt);
  if (seen == place.found_by.end()) return Worth::Nothing;
  const Planting& planting = seen->second;
  // A rival whose round began before the last crash may have this node's vote from before it. The lease
  // as it stood must have outlasted that round.
  const bool ripe = planting.by == 0 || has(setting_.scenario.faults, Fault::NoQuarantine) ||
                    grant.client->read(planting.crash) + grant.longest_round <= grant.valid_until;
  if (!ripe) return Worth::Nothing;
  if (planting.at <= grant.last_asked) return Worth::Unbroken;
  return planting.at <= asked && planting.found <= grant.fence ? Worth::Proven : Worth::Nothing;
}

void Referee::extended(const Token& token, std::uint64_t attempt, Instant asked, TimePoint known,
                       TimePoint valid_until, std::chrono::milliseconds ttl) {
  check_extension(token, asked, known, valid_until, ttl,
                  [&](const Grant& grant, const Place& place, std::size_t) {
                    return worth_to_keeper(grant, place, attempt, asked);
                  });
}

void Referee::extended_in_between(const Token& token, std::uint64_t attempt, Instant asked,
                                  std::chrono::milliseconds ttl) {
  Story& tale = story(token);
  Grant& grant = grants_[*tale.grant];
  const Votes votes = count(
      tale, [&](const Place& place, std::size_t) { return worth_to_keeper(grant, place, attempt, asked); });
  if (!suffice(votes)) return;
  grant.valid_until = std::max(grant.valid_until, quorum::validity_end(grant.client->read(asked), ttl));
  grant.last_asked = std::max(grant.last_asked, asked);
}

// What a crash can have wiped out has expired by the time at which the node has a vote again.
void Referee::extended_by_hand(const Token& token, Instant asked, TimePoint known, TimePoint valid_until,
                               std::chrono::milliseconds ttl) {
  auto& proven = story(token).proven_by_hand;
  check_extension(
      token, asked, known, valid_until, ttl, [&](const Grant& grant, const Place& place, std::size_t name) {
        if (place.found_by_hand < asked) return Worth::Nothing;
        // A vote that came late may have been planted while the last attempt was under way, and have counted in it.
        if (place.planting.at <= grant.last_asked || place.planting.at == place.counted)
          return Worth::Unbroken;
        const bool clean =
            place.vouched || place.planting.found <= grant.fence || place.planting.at <= proven[name];
        return clean ? Worth::Proven : Worth::Nothing;
      });
}

template <class Judge>
Referee::Votes Referee::count(const Story& tale, Judge judge) const {
  Votes votes;
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Worth worth = Worth::Unbroken;  // what the worst of its names is
    for (const std::size_t name : tale.names)
      worth = std::min(worth, judge(tale.places[at(server, name)], name));
    if (worth != Worth::Nothing) ++votes.counted;
    if (worth == Worth::Unbroken) ++votes.unbroken;
  }
  return votes;
}

bool Referee::suffice(const Votes& votes) const {
  return votes.counted >= majority_of(server_of_address_.size()) && votes.unbroken > 0;
}

template <class Judge>
void Referee::check_extension(const Token& token, Instant asked, TimePoint known, TimePoint valid_until,
                              std::chrono::milliseconds ttl, Judge judge) {
  Story& tale = story(token);
  Grant& grant = grants_[*tale.grant];
  const std::string& name = grant.client->name();
  if (known >= grant.valid_until) {
    setting_.violated(fmt::format("{} extended its lease after its end", name));
  }
  if (tale.broken && tale.broken->at < asked && tale.broken->losses == losses_) {
    setting_.violated(fmt::format("{} extended a lease that had been broken", name));
  }
  if (tale.wholly_lost && *tale.wholly_lost < asked) {
    setting_.violated(fmt::format("{} extended a lease whose token had been on no server", name));
  }
  const Votes votes =
      count(tale, [&](const Place& place, std::size_t each) { return judge(grant, place, each); });
  if (!suffice(votes)) {
    setting_.violated(fmt::format("{} extended its lease with {} votes that count, {} of them unbroken", name,
                                  votes.counted, votes.unbroken));
  }
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    for (const std::size_t each : tale.names) {
      Place& place = tale.places[at(server, each)];
      const bool counts = judge(grant, place, each) != Worth::Nothing;
      place.counted = counts ? std::optional{place.planting.at} : std::nullopt;
    }
  }
  if (valid_until > std::max(grant.valid_until, quorum::validity_end(grant.client->read(asked), ttl))) {
    setting_.violated(fmt::format("{} counts on its lease for longer than its attempt grants", name));
  }
  grant.valid_until = valid_until;
  grant.last_asked = asked;
}

void Referee::ended(const Token& token) {
  if (const auto grant = story(token).grant) grants_[*grant].active = false;
}

void Referee::abandoned(const Token& token) {
  Story& tale = story(token);
  tale.abandoned_at = std::min(tale.abandoned_at, setting_.queue.now());
}

void Referee::release_sent(const Token& token, quorum::NodeIndex address, TimePoint owed_until) {
  Story& tale = story(token);
  for (std::size_t name = 0; name < setting_.scenario.names; ++name) {
    Place& place = tale.places[at(server_of_address_[address]->index(), name)];
    place.owed_until = owed_until;
    place.unreachable = false;
  }
}

void Referee::release_failed(const Token& token, quorum::NodeIndex address, bool refused) {
  Story& tale = story(token);
  for (std::size_t name = 0; name < setting_.scenario.names; ++name) {
    Place& place = tale.places[at(server_of_address_[address]->index(), name)];
    place.unreachable = refused || tale.owner->now().boot >= place.owed_until;
  }
}

void Referee::unreachable(const Token& token, quorum::NodeIndex address) {
  for (std::size_t name = 0; name < setting_.scenario.names; ++name)
    story(token).places[at(server_of_address_[address]->index(), name)].unreachable = true;
}

// ---- The end

void Referee::final_whistle() {
  for (const ServerView* server : servers_) {
    for (std::size_t name = 0; name < setting_.scenario.names; ++name) {
      if (server->last_holder(name) != nullptr && server->holder(name) == nullptr) expired(*server, name);
    }
  }
  for (const auto& [token, tale] : stories_) check_ghosts(token, tale);
}

void Referee::check_ghosts(const Token& token, const Story& tale) {
  if (tale.owner == nullptr || tale.owner->dead() || has(setting_.scenario.faults, Fault::Moves)) return;
  if (tale.abandoned_at == Instant::max()) {
    setting_.violated(fmt::format("{} never gave back {}", tale.owner->name(), describe(token)));
  }
  for (std::size_t index = 0; index < tale.places.size(); ++index) {
    const Place& place = tale.places[index];
    const bool lingered = place.there || (place.outlived && *place.outlived > tale.abandoned_at);
    if (!lingered || place.unreachable || place.rest) continue;
    if (!place.there && place.released_at > place.planting.at) continue;  // the release came after the TTL
    // What a hand planted behind the release, which left no note or one that was over.
    if (tale.extended_elsewhere && place.planting.at > place.noted_until) continue;
    setting_.violated(fmt::format("{} of {} stayed on {} after its end", describe(token), tale.owner->name(),
                                  servers_[index / setting_.scenario.names]->name()));
  }
}

}  // namespace redlock::sim

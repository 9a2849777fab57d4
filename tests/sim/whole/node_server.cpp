#include "whole/node_server.hpp"

#include "describe.hpp"
#include "redis/keys.hpp"
#include "referee.hpp"
#include "server.hpp"
#include "whole/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace redlock::sim {
namespace {

using std::chrono::milliseconds;

// 2026, so that proposals look like those of real clocks.
constexpr Duration kWallOrigin = std::chrono::seconds{1'790'000'000};

// The replies of a node that does nothing. The first four pass.
constexpr std::array<std::string_view, 8> kErrors{
    "LOADING Redis is loading the dataset in memory",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "ERR max number of clients reached",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "NOPERM this user has no permissions to run the 'eval' command",
    "ERR something that nobody knows"};

// How long a server takes to see that a key has expired which nobody asks for: ten times a second it looks for some.
constexpr Duration kExpireCycle = milliseconds{100};

quorum::Fence number(const std::string& text) {
  quorum::Fence value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

NodeFacts facts_of(std::size_t index, unsigned start, const std::string& password) {
  return {.run_id = fmt::format("{:036}{:04}", index + 1, start), .password = password};
}

}  // namespace

NodeServer::NodeServer(Setting& setting, Referee& referee, const LockPlace& place, std::size_t index)
    : setting_{setting},
      referee_{referee},
      place_{place},
      keys_{place.keys.begin(), place.keys.end()},
      index_{index},
      name_{fmt::format("node {}", index + 1)},
      clock_{kWallOrigin + setting.dice.between(Duration{}, std::chrono::seconds{5}), draw_rate(setting)},
      redis_{facts_of(index, 0, place.password), this} {
  // Long ago.
  redis_.set_time(static_cast<std::uint64_t>(now_ms() - milliseconds{std::chrono::hours{24}}.count()) * 1000);
  tick();
}

// ---- Its clock

void NodeServer::jump_clock(milliseconds by) {
  if (setting_.traced()) setting_.say(name_, fmt::format("its clock jumps by {} ms", by.count()));
  clock_.jump(by);
}

// ---- Connections

RedisNode::Client& NodeServer::connect(Wire& wire) {
  RedisNode::Client& client = redis_.connect();
  wires_[client.id] = &wire;
  return client;
}

void NodeServer::disconnect(RedisNode::Client& client) {
  std::erase_if(waiting_, [&](const auto& each) { return each.first->client() == &client; });
  wires_.erase(client.id);
  redis_.disconnect(client);
}

void NodeServer::receive(Wire& wire, const std::string& bytes) {
  if (!up_) return;
  if (setting_.queue.now() >= paused_until_ && setting_.strikes(Fault::NodePauses)) {
    pause(setting_.dice.between(setting_.scenario.latency, Duration{setting_.scenario.ttl} * 3 / 2));
  }
  if (setting_.queue.now() < paused_until_) {
    waiting_.emplace_back(&wire, bytes);
    return;
  }
  execute(wire, bytes);
}

bool NodeServer::tells(const Program& program, std::size_t address) const {
  return std::any_of(wires_.begin(), wires_.end(), [&](const auto& each) {
    Wire& wire = *each.second;
    return &wire.program() == &program && wire.address() == address && !wire.closed() && !wire.mute() &&
           !wire.dropped() && !wire.client()->channels.empty();
  });
}

// Behind all that came before.
void NodeServer::read_end(Wire& wire) {
  if (up_ && setting_.queue.now() < paused_until_) {
    waiting_.emplace_back(&wire, std::string{});
  } else {
    wire.disconnect();
  }
}

void NodeServer::execute(Wire& wire, const std::string& bytes) {
  tick();
  try {
    redis_.receive(*wire.client(), bytes);
  } catch (const ProtocolError& error) {
    setting_.violated(fmt::format("{} has sent what no client sends: {}", wire.describe(), error.why));
  }
  if (wire.client() != nullptr && wire.client()->unknown_commands > 0) {
    setting_.violated(fmt::format("{} has sent what the simulated node does not know", wire.describe()));
  }
  note_expiry();
  flush();
}

// Sends what there is to be said to anybody, and looks when the next key ends.
void NodeServer::flush() {
  std::vector<std::pair<Wire*, std::string>> said;  // to say it may end connections
  for (const auto& [id, client] : redis_.clients()) {
    if (!client->out.empty()) said.emplace_back(wires_.at(id), std::exchange(client->out, {}));
  }
  for (auto& [wire, bytes] : said) wire->send(std::move(bytes));
  if (on_change_) on_change_();
}

// ---- Keys

const std::string* NodeServer::last_holder(std::size_t name) const {
  return store().peek(keys_[name].lock);
}

const std::string* NodeServer::holder(std::size_t name) const {
  const std::string* token = last_holder(name);
  return token != nullptr && now_ms() <= last_ms(name) ? token : nullptr;
}

bool NodeServer::keeps(std::size_t name) const {
  const std::string& bar = keys_[name].bar;
  return store().peek(bar) != nullptr && now_ms() <= store().last_ms(bar).value_or(0);
}

// A key that somebody set by hand has no end: nobody does so here.
std::int64_t NodeServer::last_ms(std::size_t name) const {
  return store().last_ms(keys_[name].lock).value_or(0);
}

quorum::Fence NodeServer::counter(std::size_t name) const {
  const std::string& key = keys_[name].fence;
  const std::string* text = store().peek(key);
  const bool there = text != nullptr && now_ms() <= store().last_ms(key).value_or(0);
  return there ? number(*text) : 0;
}

std::int64_t NodeServer::counter_last_ms(std::size_t name) const {
  return store().last_ms(keys_[name].fence).value_or(0);
}

quorum::Fence NodeServer::written_fence(std::size_t name) const {
  const std::string* text = store().peek_field(keys_[name].info, "fence");
  return text != nullptr ? number(*text) : 0;
}

void NodeServer::note_expired() {
  for (std::size_t name = 0; name < keys_.size(); ++name) {
    if (holder(name) == nullptr && last_holder(name) != nullptr) referee_.expired(*this, name);
  }
}

// Plans the end of what ends next, as late as the server may see it.
void NodeServer::note_expiry() {
  std::optional<std::int64_t> last;
  for (const redis::LockKeys& keys : keys_) {
    const auto ends = store().last_ms(keys.lock);
    if (ends) last = std::min(last.value_or(*ends), *ends);
  }
  if (!last) return;
  const Instant at = gone_at(*last);
  if (at >= armed_ && armed_ > setting_.queue.now()) return;
  armed_ = at;
  const Duration late = setting_.dice.between(Duration{}, kExpireCycle);
  setting_.queue.plan(std::max(at, setting_.queue.now()) + late, [this, at] {
    if (armed_ != at) return;
    armed_ = Instant::max();
    if (!up_) return;
    if (setting_.queue.now() >= paused_until_) {
      tick();
      note_expired();
      redis_.expire();
      flush();
    }
    note_expiry();
  });
}

void NodeServer::delete_key(std::size_t name) {
  if (holder(name) == nullptr) return;
  setting_.say(name_, "somebody deletes the key by hand");
  referee_.deleted(*this, name);
  tick();
  redis_.remove(place_.db, keys_[name].lock);
  flush();
}

bool NodeServer::set_for_foreigner(std::size_t name, const std::string& token, milliseconds ttl) {
  tick();
  if (holder(name) != nullptr) return false;
  if (last_holder(name) != nullptr) referee_.expired(*this, name);
  redis_.set(place_.db, keys_[name].lock, token, ttl.count());
  note_expiry();
  flush();
  return true;
}

void NodeServer::release_for_foreigner(std::size_t name, const std::string& token) {
  const std::string* present = holder(name);
  if (present == nullptr || *present != token) return;
  tick();
  redis_.remove(place_.db, keys_[name].lock);
  flush();
}

// ---- What the referee sees

std::optional<std::string> NodeServer::refuses(const RedisNode::Client& client, const Words& words) {
  if (!setting_.strikes(Fault::NodeErrors)) return std::nullopt;
  const std::string_view error = kErrors.at(setting_.dice.below(kErrors.size()));
  // A node that hides who it is has a vote all the same, which no node does here that forgets.
  const bool identity = words.front() == "INFO" || words.front() == "ROLE";
  if (identity && error.starts_with("NOPERM")) return std::nullopt;
  Wire& wire = *wires_.at(client.id);
  if (setting_.traced()) {
    setting_.say(name_, fmt::format("{}: {} -> {}", wire.program().name(), words.front(), error));
  }
  wire.program().disturbed({.address = wire.address(), .until = setting_.queue.now(), .error = true});
  return std::string{error};
}

void NodeServer::before(unsigned db) {
  if (db != place_.db) return;
  note_expired();
  before_.clear();
  for (std::size_t name = 0; name < keys_.size(); ++name) {
    const std::string* present = holder(name);
    before_.push_back({.holder = {present != nullptr ? *present : std::string{}}, .counter = counter(name)});
  }
}

void NodeServer::executed(const RedisNode::Client& client, const Executed& what) {
  Names names;
  std::vector<Before> before;
  for (const std::string& key : what.keys) {
    const auto found = std::find(place_.keys.begin(), place_.keys.end(), key);
    names.push_back(static_cast<std::size_t>(found - place_.keys.begin()));
    before.push_back(before_.at(names.back()));
  }
  const Command command = std::visit([](const auto& request) -> Command { return request; }, what.request);
  if (setting_.traced()) {
    setting_.say(name_, fmt::format("{}: {} of {} -> {}", wires_.at(client.id)->program().name(),
                                    sim::describe(command), sim::describe(names), sim::describe(what.reply)));
  }
  referee_.executed(*this, command, names, what.reply, before);
}

void NodeServer::answered(const RedisNode::Client& client, const CommandReader::Cut& cut, bool with_error) {
  wires_.at(client.id)->answered(cut.first, client.written, with_error);
}

// ---- Trouble

void NodeServer::pause(Duration length) {
  const Instant until = setting_.queue.now() + length;
  if (!up_ || until <= paused_until_) return;
  if (setting_.traced()) setting_.say(name_, fmt::format("hangs for {}", sim::describe(length)));
  paused_until_ = until;
  disturbed(until, false);
  setting_.queue.plan(until, [this] { resume(); });
}

void NodeServer::resume() {
  if (!up_ || setting_.queue.now() < paused_until_) return;
  for (const auto& [wire, bytes] : std::exchange(waiting_, {})) {
    if (wire->client() == nullptr) continue;
    bytes.empty() ? wire->disconnect() : execute(*wire, bytes);
  }
  note_expiry();
}

void NodeServer::crash(Duration down, bool forgets, bool silent) {
  if (!up_) return;
  if (setting_.traced()) {
    setting_.say(name_, fmt::format("crashes{} for {}{}", silent ? " without a word" : "",
                                    sim::describe(down), forgets ? " and forgets everything" : ""));
  }
  up_ = false;
  silent_ = silent;
  waiting_.clear();
  paused_until_ = {};
  tick();
  if (forgets) {
    note_expired();
    referee_.forgot(*this);
    ++losses_;
  }
  const Instant back = setting_.queue.now() + down;
  // A first packet that nobody has answered is sent again, but not at once.
  disturbed(silent ? back + setting_.scenario.node_timeout / 3 : back, true);
  redis_.end(forgets);
  for (const auto& [id, wire] : std::exchange(wires_, {})) {
    wire->node_gone(silent ? back : setting_.queue.now());
  }
  setting_.queue.plan(back, [this] {
    up_ = true;
    silent_ = false;
    started_at_ = setting_.queue.now();
    tick();
    redis_.begin(facts_of(index_, ++starts_, place_.password));
    setting_.say(name_, "is up again");
    note_expiry();
  });
}

}  // namespace redlock::sim

#include "link.hpp"

#include "base/overload.hpp"
#include "describe.hpp"
#include "process.hpp"
#include "server.hpp"

#include <algorithm>
#include <utility>

namespace redlock::sim {
namespace {

const quorum::Failure kRefused{
    .may_have_arrived = false, .connection_gone = true, .detail = "connection refused"};
const quorum::Failure kBroken{.connection_gone = true, .detail = "disconnected"};
const quorum::Failure kTimedOut{.detail = "timed out"};

}  // namespace

Link::Link(Setting& setting, Process& owner, Server& server, quorum::NodeIndex address)
    : setting_{setting}, owner_{owner}, server_{&server}, address_{address} {
  server.connect(*this);
}

const std::string& Link::name() const {
  return owner_.name();
}

void Link::send(quorum::RequestId id, Names names, Command command, TimePoint deadline) {
  Pending request{.id = id, .names = std::move(names), .command = std::move(command), .deadline = deadline};
  if (state_ == State::Open) {
    write(request);
    written_.push_back(std::move(request));
    return;
  }
  unwritten_.push_back(std::move(request));
  if (state_ == State::Closed) connect();
}

void Link::connect() {
  state_ = State::Connecting;
  connections_.push_back({.server = server_});
  const std::size_t connection = connections_.size() - 1;
  setting_.queue.plan(setting_.queue.now() + setting_.latency(), [this, connection] { knock(connection); });
}

// The first packet is at the server.
void Link::knock(std::size_t connection) {
  const Instant now = setting_.queue.now();
  if (now < held_back_until_) {
    setting_.queue.plan(held_back_until_, [this, connection] {
      if (connection + 1 == connections_.size() && state_ == State::Connecting) knock(connection);
    });
    return;
  }
  const Server& server = *connections_[connection].server;
  if (server.up()) {
    // What was under way on older connections has arrived by now or never will.
    for (Connection& older : connections_) older.accepts = false;
    connections_[connection].accepts = true;
    deliver(now + setting_.latency(), {address_, connection, Connected{}});
  } else if (server.refuses()) {
    deliver(now + setting_.latency(), {address_, connection, ConnectRefused{}});
  } else {
    const Duration again = std::max(setting_.scenario.node_timeout / 3, setting_.scenario.latency);
    setting_.queue.plan(now + again, [this, connection] {
      if (connection + 1 != connections_.size() || state_ != State::Connecting) return;
      if (unwritten_.empty()) {
        state_ = State::Closed;
      } else {
        knock(connection);
      }
    });
  }
}

void Link::write(const Pending& request) {
  const std::size_t index = connections_.size() - 1;
  Connection& connection = connections_.back();
  if (!connection.swallows_up && setting_.strikes(Fault::LostRequests)) {
    connection.swallows_up = true;
    if (setting_.traced()) setting_.say(name(), fmt::format("link to {} swallows requests", server().name()));
    break_later(index);
  }
  messages_.push_back(
      {.connection = index, .id = request.id, .names = request.names, .command = request.command});
  const std::size_t message = messages_.size() - 1;
  if (setting_.traced()) {
    setting_.say(name(), fmt::format("to {}: {}", server().name(), describe(request.command)));
  }
  if (connection.swallows_up) return;
  Instant arrival = std::max(setting_.queue.now() + setting_.latency(), held_back_until_);
  const bool overtakes = setting_.scenario.defect == Defect::ReleaseOvertakesAcquire &&
                         std::holds_alternative<quorum::ReleaseRequest>(request.command);
  if (!overtakes) {
    arrival = std::max(arrival, connection.last_up + Duration{1});
    connection.last_up = arrival;
  }
  setting_.queue.plan(arrival, [this, message] { arrive(message); });
  if (setting_.strikes(Fault::Cuts)) {
    setting_.queue.plan(
        setting_.queue.now() + setting_.dice.between(Duration{}, setting_.scenario.latency * 3),
        [this, index] {
          if (index + 1 == connections_.size()) cut();
        });
  }
}

void Link::arrive(std::size_t message) {
  const Connection& connection = connections_[messages_[message].connection];
  if (connection.accepts) connection.server->receive(*this, message);
}

void Link::answer(std::size_t message, const std::variant<quorum::Reply, quorum::Failure>& reply) {
  const std::size_t index = messages_[message].connection;
  Connection& connection = connections_[index];
  Answered answered{.id = messages_[message].id, .reply = reply, .identity = {}};
  const bool asks_again = setting_.scenario.defect != Defect::IdentityForgotten || index == 0;
  if (!std::exchange(connection.identified, true) && asks_again)
    answered.identity = connection.server->identity();
  if (!connection.swallows_down && setting_.strikes(Fault::LostReplies)) {
    connection.swallows_down = true;
    if (setting_.traced())
      setting_.say(connection.server->name(), fmt::format("loses its replies to {}", name()));
    break_later(index);
  }
  if (connection.swallows_down || connection.broken) return;
  const Instant arrival = std::max(
      {setting_.queue.now() + setting_.latency(), held_back_until_, connection.last_down + Duration{1}});
  connection.last_down = arrival;
  deliver(arrival, {address_, index, std::move(answered)});
}

void Link::break_later(std::size_t connection) {
  const Duration delay = setting_.dice.between(setting_.scenario.latency, Duration{setting_.scenario.ttl});
  setting_.queue.plan(setting_.queue.now() + delay, [this, connection] {
    Connection& breaking = connections_[connection];
    if (breaking.swallows_up) breaking.accepts = false;
    tell_broken(connection, setting_.queue.now());
  });
}

void Link::cut() {
  if (connections_.empty() || connections_.back().broken) return;
  Connection& connection = connections_.back();
  if (setting_.traced()) setting_.say(name(), fmt::format("link to {} is cut", server().name()));
  if (setting_.dice.chance(0.5)) connection.accepts = false;  // else what is under way still arrives
  connection.swallows_up = true;
  connection.loses_replies = setting_.dice.chance(0.5);
  tell_broken(connections_.size() - 1, setting_.queue.now() + setting_.latency());
}

void Link::hold_back(Instant until) {
  held_back_until_ = std::max(held_back_until_, until);
  if (setting_.traced()) {
    setting_.say(name(), fmt::format("nothing arrives at {} or from there for {}", server().name(),
                                     describe(until - setting_.queue.now())));
  }
}

void Link::lead_to(Server& server) {
  if (server_ == &server) return;
  server_ = &server;
  server.connect(*this);
  if (setting_.traced()) {
    setting_.say(name(), fmt::format("its address {} now leads to {}", address_ + 1, server.name()));
  }
  cut();
}

void Link::server_gone(const Server& server, Instant noticed) {
  for (std::size_t index = 0; index < connections_.size(); ++index) {
    Connection& connection = connections_[index];
    if (connection.server != &server) continue;
    const bool stood = connection.accepts;
    connection.accepts = false;
    connection.swallows_up = true;
    if (stood) tell_broken(index, noticed + setting_.latency());
  }
}

void Link::tell_broken(std::size_t index, Instant at) {
  Connection& connection = connections_[index];
  if (std::exchange(connection.broken, true)) return;
  deliver(std::max(at, connection.last_down + Duration{1}), {address_, index, Broken{}});
}

void Link::deliver(Instant at, Arrival arrival) {
  arrivals_.push_back(std::move(arrival));
  const std::size_t index = arrivals_.size() - 1;
  setting_.queue.plan(at, [this, index] {
    const Arrival& arrived = arrivals_[index];
    const bool lost =
        connections_[arrived.connection].loses_replies && std::holds_alternative<Answered>(arrived.what);
    if (!lost) owner_.arrive(arrived);
  });
}

void Link::read(const Arrival& arrival, std::vector<Outcome>& outcomes) {
  if (arrival.connection + 1 != connections_.size()) return;  // of a connection that was given up
  std::visit(Overload{[&](const Connected&) {
                        if (state_ != State::Connecting) return;
                        state_ = State::Open;
                        for (Pending& request : std::exchange(unwritten_, {})) {
                          write(request);
                          written_.push_back(std::move(request));
                        }
                      },
                      [&](const ConnectRefused&) { fail_all(kRefused, outcomes); },
                      [&](const Broken&) { fail_all(kBroken, outcomes); },
                      [&](const Answered& answered) {
                        if (answered.identity) outcomes.push_back({address_, 0, *answered.identity});
                        const auto found =
                            std::find_if(written_.begin(), written_.end(),
                                         [&](const Pending& request) { return request.id == answered.id; });
                        if (found == written_.end()) return;  // too late
                        written_.erase(found);
                        std::visit(
                            [&](const auto& reply) {
                              outcomes.push_back({address_, answered.id, reply});
                            },
                            answered.reply);
                      }},
             arrival.what);
}

void Link::fail_all(const quorum::Failure& failure, std::vector<Outcome>& outcomes) {
  state_ = State::Closed;
  for (auto* requests : {&written_, &unwritten_}) {
    for (const Pending& request : *requests) {
      outcomes.push_back({address_, request.id, failure});
    }
    requests->clear();
  }
}

void Link::expire(TimePoint now, std::vector<Outcome>& outcomes) {
  for (auto* requests : {&written_, &unwritten_}) {
    for (auto request = requests->begin(); request != requests->end();) {
      if (request->deadline > now) {
        ++request;
        continue;
      }
      outcomes.push_back({address_, request->id, kTimedOut});
      request = requests->erase(request);
    }
  }
}

TimePoint Link::earliest_deadline() const {
  TimePoint earliest = TimePoint::max();
  for (const auto* requests : {&unwritten_, &written_}) {
    for (const Pending& request : *requests) earliest = std::min(earliest, request.deadline);
  }
  return earliest;
}

}  // namespace redlock::sim

#include "whole/wire.hpp"

#include "whole/node_server.hpp"
#include "whole/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace redlock::sim {
namespace {

constexpr std::size_t kSendBuffer = std::size_t{1} << 16U;
constexpr std::size_t kSmallSendBuffer = 1500;

}  // namespace

Wire::Wire(Setting& setting, Program& program, NodeServer& node, std::size_t address)
    : setting_{setting}, program_{program}, node_{node}, address_{address}, tap_{program, address, node} {
}

std::string Wire::describe() const {
  return fmt::format("{} to {}", program_.name(), node_.name());
}

// ---- Connecting

void Wire::connect() {
  if (setting_.strikes(Fault::ConnectHangs)) {
    if (setting_.traced())
      setting_.say(program_.name(), fmt::format("the way to {} swallows a connect", node_.name()));
    program_.disturbed(
        {.address = address_, .until = setting_.queue.now() + setting_.scenario.node_timeout * 11 / 10});
    return;
  }
  setting_.queue.plan(setting_.queue.now() + latency(), [this] { knock(); });
}

// The first packet is at the node.
void Wire::knock() {
  if (closed_) return;
  const Instant now = setting_.queue.now();
  if (now < program_.held_back_until(address_)) {
    setting_.queue.plan(program_.held_back_until(address_), [this] { knock(); });
    return;
  }
  if (node_.up()) {
    accept();
    setting_.queue.plan(now + latency(), [this] {
      connecting_ = Connecting::Open;
      program_.notify();
    });
  } else if (node_.refuses()) {
    setting_.queue.plan(now + latency(), [this] {
      connecting_ = Connecting::Refused;
      program_.notify();
    });
  } else {
    const Duration again = std::max(setting_.scenario.node_timeout / 3, setting_.scenario.latency);
    setting_.queue.plan(now + again, [this] { knock(); });
  }
}

// What was under way on former connections that are over has arrived by now or never will.
void Wire::accept() {
  for (Wire* older : program_.wires()) {
    if (older != this && older->address_ == address_ && older->dropped()) older->disconnect();
  }
  client_ = &node_.connect(*this);
}

void Wire::disconnect() {
  up_.clear();
  if (client_ != nullptr) node_.disconnect(*std::exchange(client_, nullptr));
}

bool Wire::shake_hands() {
  if (!std::exchange(shaking_, true)) {
    setting_.queue.plan(setting_.queue.now() + latency() + latency(), [this] {
      greeted_ = client_ != nullptr;
      program_.notify();
    });
  }
  return greeted_;
}

// ---- From the program

std::size_t Wire::buffer() const {
  return has(setting_.scenario.faults, Fault::Pieces) ? kSmallSendBuffer : kSendBuffer;
}

// As the kernel says it: once there is room for more than a little.
bool Wire::writable() const {
  return reset_ || up_bytes_ <= buffer() / 2;
}

std::size_t Wire::write(std::string_view bytes) {
  if (closed_ || program_.dead()) return bytes.size();
  if (!writable()) return 0;
  bytes = bytes.substr(0, buffer() - up_bytes_);
  if (bytes.empty()) return 0;
  if (!swallows_up_ && setting_.strikes(Fault::LostRequests)) {
    swallows_up_ = true;
    if (setting_.traced())
      setting_.say(program_.name(), fmt::format("what it sends to {} is lost", node_.name()));
    break_later();
  }
  try {
    tap_.wrote(bytes, program_.now().boot, setting_.queue.now());
  } catch (const ProtocolError& error) {
    setting_.violated(fmt::format("{} writes what no client does: {}", describe(), error.why));
  }
  const std::size_t taken = bytes.size();
  if (swallows_up_) return taken;
  up_bytes_ += taken;
  while (!bytes.empty()) {
    std::size_t piece = bytes.size();
    if (piece > 1 && has(setting_.scenario.faults, Fault::Pieces) && setting_.dice.chance(0.3)) {
      piece = 1 + setting_.dice.below(piece - 1);
    }
    up_.emplace_back(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
    setting_.queue.plan(arrival(last_up_), [this] { arrive_up(); });
  }
  if (setting_.strikes(Fault::Cuts)) {
    setting_.queue.plan(
        setting_.queue.now() + setting_.dice.between(Duration{}, setting_.scenario.latency * 3),
        [this] { cut(); });
  }
  return taken;
}

// How long one message takes.
Duration Wire::latency() const {
  const Duration takes = setting_.latency();
  if (takes > setting_.scenario.latency * 3 / 2) {
    program_.disturbed({.address = address_, .until = setting_.queue.now() + takes});
  }
  return takes;
}

// In order, later than anything before it on the same way.
Instant Wire::arrival(Instant& last) const {
  last = std::max({setting_.queue.now() + latency(), program_.held_back_until(address_), last + Duration{1}});
  return last;
}

void Wire::arrive_up() {
  if (up_.empty()) return;  // lost meanwhile
  const std::string bytes = std::move(up_.front());
  up_.pop_front();
  up_bytes_ -= std::min(up_bytes_, bytes.size());
  if (client_ != nullptr) node_.receive(*this, bytes);
  program_.notify();
}

void Wire::close() {
  if (std::exchange(closed_, true)) return;
  Instant at = last_up_ + Duration{1};
  if (at < setting_.queue.now()) at = setting_.queue.now() + latency();
  setting_.queue.plan(at, [this] {
    if (client_ != nullptr) node_.read_end(*this);
  });
}

void Wire::abandon() {
  abandoned_ = true;
  if (std::exchange(closed_, true)) return;
  if (setting_.dice.chance(0.5)) disconnect();  // else what is under way may still arrive
}

// ---- From the node

void Wire::send(std::string bytes) {
  if (client_ == nullptr) return;
  if (swallows_down_ || reset_ || broken_ || closed_) return;
  if (setting_.strikes(Fault::LostReplies)) {
    swallows_down_ = true;
    if (setting_.traced())
      setting_.say(node_.name(), fmt::format("what it says to {} is lost", program_.name()));
    return break_later();
  }
  if (bytes.size() > 1 && setting_.strikes(Fault::Cuts)) {  // in mid-reply
    send_piece(bytes.substr(0, 1 + setting_.dice.below(bytes.size() - 1)));
    if (setting_.traced()) setting_.say(node_.name(), fmt::format("its reply to {} is cut", program_.name()));
    disconnect();
    return tell_reset(last_down_ + Duration{1});
  }
  if (setting_.strikes(Fault::HalfCloses)) {
    if (setting_.traced())
      setting_.say(node_.name(), fmt::format("closes the connection of {}", program_.name()));
    send_piece(std::move(bytes));
    return close_by_node();
  }
  if (bytes.size() > 1 && has(setting_.scenario.faults, Fault::Pieces) && setting_.dice.chance(0.3)) {
    const std::size_t first = 1 + setting_.dice.below(bytes.size() - 1);
    send_piece(bytes.substr(0, first));
    bytes.erase(0, first);
  }
  send_piece(std::move(bytes));
}

void Wire::send_piece(std::string bytes) {
  down_.push_back(std::move(bytes));
  setting_.queue.plan(arrival(last_down_), [this] { arrive_down(); });
}

void Wire::arrive_down() {
  if (down_.empty() || closed_ || reset_) return;
  inbox_ += down_.front();
  down_.pop_front();
  program_.notify();
}

std::size_t Wire::read(std::span<char> into) {
  std::size_t count = std::min(into.size(), inbox_.size());
  if (count > 1 && has(setting_.scenario.faults, Fault::Pieces) && setting_.dice.chance(0.1)) {
    count = 1 + setting_.dice.below(count - 1);
  }
  std::copy_n(inbox_.begin(), count, into.begin());
  inbox_.erase(0, count);
  read_ += count;
  tap_.read(read_);
  return count;
}

void Wire::close_by_node() {
  program_.disturbed({.address = address_, .until = last_down_});
  disconnect();
  setting_.queue.plan(last_down_ + Duration{1}, [this] {
    finished_ = true;
    note_break();
    program_.notify();
  });
}

// ---- Faults

void Wire::cut() {
  if (closed_ || dropped()) return;
  if (setting_.traced())
    setting_.say(program_.name(), fmt::format("its connection to {} is cut", node_.name()));
  if (setting_.dice.chance(0.5)) disconnect();  // else what is under way still arrives
  swallows_up_ = true;
  if (setting_.dice.chance(0.5)) down_.clear();
  tell_reset(setting_.queue.now() + latency());
}

void Wire::node_gone(Instant noticed) {
  client_ = nullptr;
  up_.clear();
  swallows_up_ = true;
  tell_reset(noticed + latency());
}

void Wire::break_later() {
  const Duration delay = setting_.dice.between(setting_.scenario.latency, Duration{setting_.scenario.ttl});
  program_.disturbed({.address = address_, .until = setting_.queue.now() + delay});
  setting_.queue.plan(setting_.queue.now() + delay, [this] {
    if (swallows_up_) disconnect();
    tell_reset(setting_.queue.now());
  });
}

// The program sees it, unless it has closed this connection before: the break of one that it has given up for another
// tells it nothing.
void Wire::note_break() {
  if (!closed_) program_.disturbed({.address = address_, .until = setting_.queue.now(), .seen = true});
}

void Wire::tell_reset(Instant at) {
  if (std::exchange(broken_, true)) return;
  at = std::max(at, last_down_ + Duration{1});
  program_.disturbed({.address = address_, .until = at});
  setting_.queue.plan(at, [this] {
    reset_ = true;
    note_break();
    if (client_ != nullptr && up_.empty()) disconnect();
    program_.notify();
  });
}

}  // namespace redlock::sim

#include "whole/network.hpp"

#include "whole/program.hpp"
#include "whole/wire.hpp"

#include <fmt/format.h>

#include <utility>

namespace redlock::sim {
namespace {

using net::ConnectionFailure;
using net::Progress;
using State = Progress::State;

constexpr std::uint16_t kFirstPort = 7000;

class SimulatedStream final : public net::Stream, public Descriptor {
 public:
  SimulatedStream(Program& program, Wire& wire, bool tls)
      : Descriptor{program}, program_{program}, wire_{wire}, shaken_{!tls} {}
  ~SimulatedStream() override { wire_.close(); }

  int fd() const noexcept override { return number(); }
  bool readable() const override { return wire_.readable() || (!shaken_ && wire_.hands_shaken()); }
  bool writable() const override { return wire_.writable(); }

  Progress handshake() override {
    program_.seam();
    if (shaken_) return {.state = State::Done};
    if (wire_.reset())
      return {.state = State::Failed, .failure = {ConnectionFailure::Kind::TlsFailed, "reset"}};
    shaken_ = wire_.shake_hands();
    return {.state = shaken_ ? State::Done : State::WantRead};
  }

  Progress read(std::span<char> into) override {
    program_.seam();
    const std::size_t bytes = wire_.read(into);
    if (bytes > 0) return {.state = State::Done, .bytes = bytes};
    if (wire_.reset()) return broken();
    return {.state = wire_.finished() ? State::Ended : State::WantRead};
  }

  Progress write(std::span<const iovec> from) override {
    program_.seam();
    std::size_t taken = 0;
    for (const iovec& part : from) {
      if (wire_.reset()) return broken();
      const std::size_t bytes = wire_.write({static_cast<const char*>(part.iov_base), part.iov_len});
      taken += bytes;
      if (bytes < part.iov_len) break;
    }
    const bool full = taken == 0 && !from.empty();
    return {.state = full ? State::WantWrite : State::Done, .bytes = taken};
  }

  bool holds_back() const noexcept override { return false; }
  bool heard() const noexcept override { return wire_.heard(); }
  bool buffered() const noexcept override { return false; }
  void abandon() noexcept override { wire_.abandon(); }
  void keep_alive() noexcept override {}

 private:
  static Progress broken() {
    return {.state = State::Failed,
            .failure = {ConnectionFailure::Kind::Disconnected, "connection reset by peer"}};
  }

  Program& program_;
  Wire& wire_;
  bool shaken_;
};

// A look-up of the name, if there is one, and a connect.
class SimulatedDial final : public net::Dial, public Descriptor {
 public:
  SimulatedDial(Program& program, const net::Endpoint& endpoint)
      : Descriptor{program},
        program_{program},
        address_{static_cast<std::size_t>(endpoint.port - kFirstPort)},
        tls_{endpoint.transport == net::Endpoint::Transport::Tls},
        by_name_{endpoint.host.starts_with("node")} {}
  ~SimulatedDial() override {
    if (wire_ != nullptr) wire_->close();
  }

  Result step(TimePoint /*now*/, Duration /*allowance*/) override {
    program_.seam();
    if (by_name_ && !look_up()) return Dialing{};
    if (unresolved_) return ConnectionFailure{ConnectionFailure::Kind::Unresolved, "no such name"};
    resolving_ = false;
    if (wire_ == nullptr) {
      wire_ = &program_.open_wire(address_);
      wire_->connect();
    }
    switch (wire_->connecting()) {
      case Wire::Connecting::Pending: return Dialing{};
      case Wire::Connecting::Refused: return ConnectionFailure{ConnectionFailure::Kind::Refused, {}};
      case Wire::Connecting::Open: break;
    }
    return std::make_unique<SimulatedStream>(program_, *std::exchange(wire_, nullptr), tls_);
  }

  bool resolving() const noexcept override { return resolving_; }
  void watch(net::Poller& poller) const override { poller.add(number(), resolving_ ? POLLIN : POLLOUT); }
  TimePoint next_timer() const noexcept override { return TimePoint::max(); }

  bool readable() const override { return *answered_; }
  bool writable() const override {
    return wire_ != nullptr && wire_->connecting() != Wire::Connecting::Pending;
  }

 private:
  // Whether the name server has answered.
  bool look_up() {
    Setting& setting = program_.setting();
    if (!std::exchange(asked_, true)) {
      unresolved_ = setting.strikes(Fault::Lookups);
      const bool hangs = setting.strikes(Fault::Lookups);
      const Duration takes = setting.dice.between(
          Duration{}, hangs ? Duration{setting.scenario.ttl} * 2 : 4 * setting.scenario.latency);
      if (unresolved_ || hangs) {
        program_.disturbed({.address = address_, .until = setting.queue.now() + takes});
        if (setting.traced())
          setting.say(program_.name(), fmt::format("the name of address {} {}", address_ + 1,
                                                   unresolved_ ? "is not found" : "takes long"));
      }
      setting.queue.plan(setting.queue.now() + takes, [&program = program_, answered = answered_] {
        *answered = true;
        program.notify();
      });
    }
    return *answered_;
  }

  Program& program_;
  std::size_t address_;
  bool tls_;
  bool by_name_;
  bool resolving_ = true;
  bool asked_ = false;
  bool unresolved_ = false;
  std::shared_ptr<bool> answered_ = std::make_shared<bool>(false);
  Wire* wire_ = nullptr;
};

}  // namespace

Descriptor::Descriptor(Program& program) : program_{program}, number_{program.network().add(*this)} {
}
Descriptor::~Descriptor() {
  program_.network().remove(number_);
}

void Alarm::set() {
  set_ = true;
  program_.notify();
}

void Alarm::set_at(TimePoint at) {
  program_.setting().queue.plan(program_.when(at), [this, there = std::weak_ptr{there_}] {
    if (!there.expired()) set();
  });
}

int SimulatedNetwork::add(Descriptor& descriptor) {
  descriptors_[++last_number_] = &descriptor;
  return last_number_;
}

std::unique_ptr<net::Dial> SimulatedNetwork::dial(const net::Endpoint& endpoint) {
  return std::make_unique<SimulatedDial>(program_, endpoint);
}

void SimulatedNetwork::poll(net::Poller& poller, TimePoint /*now*/, TimePoint until) {
  program_.seam();
  check_rest();
  for (;;) {
    bool ready = false;
    for (pollfd& entry : poller.entries()) {
      entry.revents = 0;
      const auto found = descriptors_.find(entry.fd);
      if (found == descriptors_.end()) continue;
      if ((entry.events & POLLIN) != 0 && found->second->readable()) entry.revents |= POLLIN;
      if ((entry.events & POLLOUT) != 0 && found->second->writable()) entry.revents |= POLLOUT;
      ready = ready || entry.revents != 0;
    }
    if (ready || program_.now().boot >= until) return program_.polled();
    program_.sleep(until);
  }
}

// A program that polls again and again while no time passes would never come to rest.
void SimulatedNetwork::check_rest() {
  constexpr unsigned most = 2000;
  const Instant now = program_.setting().queue.now();
  if (std::exchange(polled_at_, now) != now) polls_ = 0;
  if (++polls_ > most) program_.setting().violated(program_.name() + " goes round in circles");
}

net::Endpoint endpoint_of(std::size_t address, bool by_name) {
  net::Endpoint endpoint;
  endpoint.host = by_name ? fmt::format("node{}.test", address + 1) : "192.0.2.1";
  endpoint.port = static_cast<std::uint16_t>(kFirstPort + address);
  return endpoint;
}

}  // namespace redlock::sim

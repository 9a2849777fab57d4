#pragma once

#include "net/network.hpp"
#include "setting.hpp"

#include <map>
#include <memory>
#include <optional>

namespace redlock::sim {

class Program;
class Wire;

// The descriptors of a program: made-up numbers, far above those of real descriptors.
class Descriptor {
 public:
  explicit Descriptor(Program& program);
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  virtual ~Descriptor();
  int number() const { return number_; }
  virtual bool readable() const = 0;
  virtual bool writable() const { return false; }

 private:
  Program& program_;
  int number_;
};

// As an eventfd: readable once it is set.
class Alarm final : public Descriptor {
 public:
  explicit Alarm(Program& program) : Descriptor{program}, program_{program} {}
  bool readable() const override { return set_; }
  void set();
  void clear() { set_ = false; }
  // Sets it at a time of the program's clock.
  void set_at(TimePoint at);

 private:
  Program& program_;
  bool set_ = false;
  std::shared_ptr<bool> there_ = std::make_shared<bool>(true);
};

// The outside of one program.
class SimulatedNetwork final : public net::Network {
 public:
  explicit SimulatedNetwork(Program& program) : program_{program} {}

  std::unique_ptr<net::Dial> dial(const net::Endpoint& endpoint) override;
  void poll(net::Poller& poller, TimePoint now, TimePoint until) override;

  int add(Descriptor& descriptor);
  void remove(int number) { descriptors_.erase(number); }

 private:
  void check_rest();

  Program& program_;
  Instant polled_at_{};
  unsigned polls_ = 0;  // at this time
  std::map<int, Descriptor*> descriptors_;
  int last_number_ = 1'000'000;
};

// The endpoint of an address: by name where names are to be looked up.
net::Endpoint endpoint_of(std::size_t address, bool by_name);

}  // namespace redlock::sim

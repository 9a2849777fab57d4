#pragma once

#include "clocks.hpp"
#include "link.hpp"
#include "quorum/types.hpp"
#include "setting.hpp"
#include "views.hpp"

#include <deque>
#include <map>
#include <string>
#include <vector>

namespace redlock::sim {

class Server;

// A client's process on its machine: it reads its links and its timers while it runs, and stops, sleeps or
// dies at any point. What it does is its subclasses' business.
class Process : public ClientView {
 public:
  Process(Setting& setting, std::string name, const std::vector<Server*>& server_of_address);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() override = default;

  // The first step, now or as soon as it runs.
  void start();

  // Something comes in from the network.
  void arrive(const Arrival& arrival);

  // Does nothing for a while. `suspended`: the whole machine sleeps.
  void pause(Duration length, bool suspended);
  void die();
  void jump_wall_clock(std::uint64_t to_us);
  void cut_link(std::size_t address) { links_[address].cut(); }
  void hold_back_link(std::size_t address, Instant until) { links_[address].hold_back(until); }
  void lead_link_to(std::size_t address, Server& server) { links_[address].lead_to(server); }

  bool dead() const override { return dead_; }
  bool paused() const { return setting_.queue.now() < paused_until_; }
  const std::string& name() const override { return name_; }
  Now now() const override { return machine_.read(setting_.queue.now()); }
  TimePoint read(Instant instant) const override { return machine_.read(instant).boot; }

 protected:
  virtual void on_start() = 0;
  virtual void on_identity(quorum::NodeIndex address, const quorum::Identity& identity) = 0;
  virtual void on_reply(quorum::NodeIndex address, quorum::RequestId id, const quorum::Reply& reply) = 0;
  virtual void on_failure(quorum::NodeIndex address, quorum::RequestId id,
                          const quorum::Failure& failure) = 0;
  // When `deadline` has passed.
  virtual void on_time() = 0;
  virtual TimePoint deadline() const = 0;

  // Of the lock that it wants, or has under hand.
  const Names& names() const { return names_; }
  void set_names(Names names) { names_ = std::move(names); }
  void send(quorum::NodeIndex address, quorum::RequestId id, Command command, TimePoint deadline);
  // The server that answers at this address now.
  const Server& server_at(quorum::NodeIndex address) const { return links_[address].server(); }

  Setting& setting_;

 private:
  void run();
  void read_links();
  void keep_time();
  void hand_out();
  void arm();

  std::string name_;
  Names names_{0};
  std::map<quorum::RequestId, Names> names_of_;  // the requests
  Machine machine_;
  std::deque<Link> links_;
  std::vector<Arrival> unread_;
  std::vector<Outcome> outcomes_;
  Instant paused_until_{};
  Instant armed_ = Instant::max();
  bool started_ = false;
  bool dead_ = false;
};

}  // namespace redlock::sim

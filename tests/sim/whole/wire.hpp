#pragma once

#include "setting.hpp"
#include "whole/redis_node.hpp"
#include "whole/tap.hpp"

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

namespace redlock::sim {

class Program;
class NodeServer;

// One TCP connection of a program to a node: what is written comes out at the other end, later and in its order, until
// something breaks it. Lives as long as the world.
class Wire {
 public:
  Wire(Setting& setting, Program& program, NodeServer& node, std::size_t address);
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // ---- The program's end
  enum class Connecting { Pending, Open, Refused };
  void connect();
  Connecting connecting() const { return connecting_; }
  bool readable() const { return !inbox_.empty() || finished_ || reset_; }
  bool writable() const;
  bool finished() const { return finished_ && inbox_.empty(); }  // the node has said its last byte
  bool reset() const { return reset_; }
  bool heard() const { return read_ > 0; }
  std::size_t write(std::string_view bytes);
  std::size_t read(std::span<char> into);
  void close();    // what was written still arrives
  void abandon();  // what is under way need not
  // A handshake of one round trip.
  bool shake_hands();
  bool hands_shaken() const { return greeted_; }

  // ---- The node's end
  void send(std::string bytes);
  void answered(std::uint64_t request_first, std::uint64_t reply_end, bool with_error) {
    tap_.answered(request_first, reply_end, with_error);
  }
  void disconnect();     // the node no longer knows of it, nor of what is under way
  void close_by_node();  // it says no more, and takes no more

  // ---- What happens to it
  void cut();
  void node_gone(Instant noticed);
  bool closed() const { return closed_; }       // by the program
  bool mute() const { return swallows_down_; }  // what the node says is lost
  // Nothing that was written need arrive any more, once another connection stands.
  bool dropped() const { return abandoned_ || reset_ || broken_; }

  Program& program() { return program_; }
  NodeServer& node() { return node_; }
  std::size_t address() const { return address_; }
  RedisNode::Client* client() { return client_; }
  std::string describe() const;

 private:
  std::size_t buffer()
      const;  // what the kernel of the program's machine takes before it says that it is full
  void knock();
  void accept();
  void arrive_up();
  void arrive_down();
  void send_piece(std::string bytes);
  void tell_reset(Instant at);
  void break_later();
  void note_break();
  Duration latency() const;
  Instant arrival(Instant& last) const;

  Setting& setting_;
  Program& program_;
  NodeServer& node_;
  std::size_t address_;
  RedisNode::Client* client_ = nullptr;  // at the node, while it is connected there
  Tap tap_;

  Connecting connecting_ = Connecting::Pending;
  std::deque<std::string> up_;    // under way to the node
  std::deque<std::string> down_;  // under way to the program
  std::size_t up_bytes_ = 0;
  Instant last_up_{};
  Instant last_down_{};
  std::string inbox_;
  std::uint64_t read_ = 0;  // bytes, all in all
  bool greeted_ = false;    // the handshake
  bool shaking_ = false;
  bool closed_ = false;     // by the program
  bool abandoned_ = false;  // likewise
  bool finished_ = false;   // by the node
  bool reset_ = false;      // and the program's machine knows
  bool broken_ = false;     // it is going to be
  bool swallows_up_ = false;
  bool swallows_down_ = false;
};

}  // namespace redlock::sim

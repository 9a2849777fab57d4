#pragma once

#include "keyspace.hpp"
#include "quorum/types.hpp"
#include "setting.hpp"

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace redlock::sim {

class Process;
class Server;

// What a client's machine receives from the network for one of its links, to be read when the process runs.
struct Connected {};
struct ConnectRefused {};
struct Broken {};
struct Answered {
  quorum::RequestId id;
  std::variant<quorum::Reply, quorum::Failure> reply;
  std::optional<quorum::Identity> identity;  // ahead of the first reply on a connection
};
struct Arrival {
  quorum::NodeIndex address;
  std::size_t connection;
  std::variant<Connected, ConnectRefused, Broken, Answered> what;
};

// What the driver says to the algorithm about a request.
struct Outcome {
  quorum::NodeIndex address;
  quorum::RequestId id;
  std::variant<quorum::Identity, quorum::Reply, quorum::Failure> what;
};

// One client's way to one node: the driver of redis/ (one connection, a FIFO, exactly one outcome for each
// request by its deadline, what was never written is dropped then) and the network below it.
class Link {
 public:
  Link(Setting& setting, Process& owner, Server& server, quorum::NodeIndex address);

  // ---- The driver: called while the client runs.
  void send(quorum::RequestId id, Names names, Command command, TimePoint deadline);
  void read(const Arrival& arrival, std::vector<Outcome>& outcomes);
  void expire(TimePoint now, std::vector<Outcome>& outcomes);
  TimePoint earliest_deadline() const;

  // ---- The network.
  void server_gone(const Server& server, Instant noticed);
  void cut();
  // Nothing arrives, either way, before `until`.
  void hold_back(Instant until);
  // From the next connection on, the address leads to `server`; the present connection breaks.
  void lead_to(Server& server);

  // ---- The server's end of it.
  const Command& command(std::size_t message) const { return messages_[message].command; }
  const Names& names(std::size_t message) const { return messages_[message].names; }
  void answer(std::size_t message, const std::variant<quorum::Reply, quorum::Failure>& reply);
  const std::string& name() const;
  // The server at the other end of the present connection.
  const Server& server() const { return *(connections_.empty() ? server_ : connections_.back().server); }

 private:
  struct Pending {
    quorum::RequestId id;
    Names names;
    Command command;
    TimePoint deadline;
  };
  struct Message {
    std::size_t connection;
    quorum::RequestId id;
    Names names;
    Command command;
  };
  // One connection after the other; what is under way belongs to one of them.
  struct Connection {
    Server* server;
    bool accepts = false;      // the server's kernel takes what arrives
    bool swallows_up = false;  // nothing that is written from now on arrives
    bool swallows_down = false;
    bool loses_replies = false;  // those under way, too
    bool identified = false;
    bool broken = false;  // the client has been or will be told
    Instant last_up{};
    Instant last_down{};
  };
  enum class State { Closed, Connecting, Open };

  void connect();
  void knock(std::size_t connection);
  void write(const Pending& request);
  void arrive(std::size_t message);
  void break_later(std::size_t connection);
  void tell_broken(std::size_t connection, Instant at);
  void fail_all(const quorum::Failure& failure, std::vector<Outcome>& outcomes);
  void deliver(Instant at, Arrival arrival);

  Setting& setting_;
  Process& owner_;
  Server* server_;  // where the next connection leads
  quorum::NodeIndex address_;
  State state_ = State::Closed;
  Instant held_back_until_{};
  std::vector<Pending> unwritten_;
  std::vector<Pending> written_;
  std::deque<Connection> connections_;
  std::deque<Message> messages_;
  std::deque<Arrival> arrivals_;
};

}  // namespace redlock::sim

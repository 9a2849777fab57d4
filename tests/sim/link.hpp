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
  quorum::Reply reply;
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
  void send(quorum::RequestId id, Command command, TimePoint deadline);
  void read(const Arrival& arrival, std::vector<Outcome>& outcomes);
  void expire(TimePoint now, std::vector<Outcome>& outcomes);
  TimePoint earliest_deadline() const;

  // ---- The network.
  void server_gone(Instant noticed);
  void cut();

  // ---- The server's end of it.
  const Command& command(std::size_t message) const { return messages_[message].command; }
  void answer(std::size_t message, const quorum::Reply& reply);
  const std::string& name() const;

 private:
  struct Pending {
    quorum::RequestId id;
    Command command;
    TimePoint deadline;
  };
  struct Message {
    std::size_t connection;
    quorum::RequestId id;
    Command command;
  };
  // One connection after the other; what is under way belongs to one of them.
  struct Connection {
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
  void fail_all(quorum::Failure::Kind kind, std::vector<Outcome>& outcomes);
  void deliver(Instant at, Arrival arrival);

  Setting& setting_;
  Process& owner_;
  Server& server_;
  quorum::NodeIndex address_;
  State state_ = State::Closed;
  std::vector<Pending> unwritten_;
  std::vector<Pending> written_;
  std::deque<Connection> connections_;
  std::deque<Message> messages_;
  std::deque<Arrival> arrivals_;
};

}  // namespace redlock::sim

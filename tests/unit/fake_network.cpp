#include "fake_network.hpp"

#include "redis/wire.hpp"

#include <fmt/format.h>

#include <poll.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace redlock::test {
namespace {

using net::Progress;

std::string bulk(std::string_view text) {
  return fmt::format("${}\r\n{}\r\n", text.size(), text);
}

// The Lua text that asks for this.
std::string script_of(const quorum::Request& request) {
  redis::ReplyReader reader;
  reader.feed(redis::Scripts{{redis::LockKeys{"k"}}, {}}.encode(request, 0).reveal());
  return std::get<redis::Value>(reader.next()).elements.at(1).text;
}

std::optional<RequestKind> kind_of_script(const std::string& script) {
  static const std::map<std::string, RequestKind> kinds{
      {script_of(quorum::AcquireRequest{}), RequestKind::Acquire},
      {script_of(quorum::ProbeRequest{}), RequestKind::Probe},
      {script_of(quorum::ConfirmRequest{}), RequestKind::Confirm},
      {script_of(quorum::ExtendRequest{}), RequestKind::Extend},
      {script_of(quorum::ReleaseRequest{}), RequestKind::Release},
      {script_of(quorum::ReleaseRequest{.token = {}, .rest = quorum::Rest{}}), RequestKind::Rest}};
  const auto found = kinds.find(script);
  return found == kinds.end() ? std::nullopt : std::optional{found->second};
}

// Executes a request; the answer is as redis/answers reads it.
std::string execute(FakeNode& node, RequestKind kind, const std::string& token, std::uint64_t proposal) {
  const std::string nobody = bulk("") + bulk("") + bulk("") + bulk("0") + bulk("0") + bulk("");
  const std::string holds = bulk("");  // it does not rest
  const bool ours = node.token == token;
  const bool free = node.token.empty();
  const std::string position =
      fmt::format(":{}\r\n:{}\r\n", node.ahead, node.ahead < 0 ? -1 : node.ahead + 1);
  const std::string refusal = "*4\r\n:0\r\n" + position + "*1\r\n*11\r\n:0\r\n" + bulk(node.token) +
                              ":60000\r\n" + nobody + bulk("60000") + holds;
  switch (kind) {
    case RequestKind::Probe: return ours || free ? "*4\r\n:1\r\n:-1\r\n:-1\r\n*0\r\n" : refusal;
    case RequestKind::Acquire:
      if (!ours && !free) return refusal;
      node.token = token;
      node.fence = std::max(node.fence + 1, proposal);
      return "*2\r\n:1\r\n" + bulk(std::to_string(node.fence));
    case RequestKind::Confirm: return ours ? ":1\r\n" : ":0\r\n";
    case RequestKind::Extend:
      if (ours) return "*4\r\n:1\r\n" + bulk("0") + bulk(std::to_string(node.fence)) + bulk("0");
      return free ? "*3\r\n:0\r\n" + bulk("") + ":0\r\n"
                  : "*10\r\n:0\r\n" + bulk(node.token) + ":0\r\n" + nobody + holds;
    case RequestKind::AcquireSlot:
    case RequestKind::ProbeSlots: return "-ERR it has no slots\r\n";
    case RequestKind::Release:
      if (ours) node.token.clear();
      return ours   ? "*2\r\n:1\r\n:0\r\n"
             : free ? "*2\r\n:0\r\n:0\r\n"
                    : "*9\r\n:0\r\n:1\r\n" + nobody + holds;
    case RequestKind::Rest: return ours ? "*2\r\n:1\r\n:0\r\n" : "*2\r\n:0\r\n:0\r\n";
  }
  return {};
}

std::string answer_to_command(const FakeNode& node, const std::string& command) {
  if (command == "INFO" && node.forbids_info) return "-NOPERM no permissions to run the 'info' command\r\n";
  if (command == "INFO")
    return bulk(
        fmt::format("redis_version:7.0.15\r\nrun_id:{}\r\nuptime_in_seconds:1000000\r\n", node.run_id));
  if (command == "ROLE") return "*3\r\n" + bulk("master") + ":0\r\n*0\r\n";
  if (command == "ZREM") return ":1\r\n";
  if (command == "GET") return node.token.empty() ? "$-1\r\n" : bulk(node.token);
  return "-ERR unknown command\r\n";
}

}  // namespace

std::size_t FakeNode::count(RequestKind kind) const {
  return static_cast<std::size_t>(std::count(requests.begin(), requests.end(), kind));
}

// What a client and a node have between them.
class FakeNetwork::Connection {
 public:
  explicit Connection(FakeNode& node) : node_{node} {}

  void receive(std::string_view bytes, TimePoint now) {
    reader_.feed(bytes);
    for (auto next = reader_.next(); !broken_; next = reader_.next()) {
      const auto* command = std::get_if<redis::Value>(&next);
      if (command == nullptr) return;
      if (!node_.silent) take(*command, now);
    }
  }

  std::size_t read(std::span<char> into, TimePoint now) {
    std::size_t size = 0;
    while (size < into.size() && !answers_.empty() && answers_.front().first <= now) {
      std::string& bytes = answers_.front().second;
      const std::size_t part = std::min(into.size() - size, bytes.size());
      std::copy_n(bytes.begin(), part, into.begin() + static_cast<std::ptrdiff_t>(size));
      size += part;
      bytes.erase(0, part);
      if (bytes.empty()) answers_.pop_front();
    }
    return size;
  }

  bool broken() const { return broken_; }
  // When there is something to read.
  TimePoint readable_at() const {
    if (broken_) return TimePoint{};
    return answers_.empty() ? TimePoint::max() : answers_.front().first;
  }

 private:
  void take(const redis::Value& command, TimePoint now) {
    const auto& words = command.elements;
    if (words.at(0).text == "EVAL") {
      const auto kind = kind_of_script(words.at(1).text);
      if (!kind) return say("-ERR unknown script\r\n", now);
      node_.requests.push_back(*kind);
      if (node_.breaks_on == kind) {
        node_.breaks_on.reset();
        broken_ = true;
        return;
      }
      const std::size_t first = 3 + std::stoul(words.at(2).text);
      const std::uint64_t proposal =
          *kind == RequestKind::Acquire ? std::stoull(words.at(first + 2).text) : 0;
      say(execute(node_, *kind, words.at(first).text, proposal), now);
    } else {
      say(answer_to_command(node_, words.at(0).text), now);
    }
  }

  void say(std::string answer, TimePoint now) {
    answers_.emplace_back(now + node_.latency, std::move(answer));
  }

  FakeNode& node_;
  redis::ReplyReader reader_;
  std::deque<std::pair<TimePoint, std::string>> answers_;  // and when each arrives
  bool broken_ = false;
};

class FakeNetwork::FakeStream final : public net::Stream {
 public:
  FakeStream(FakeNetwork& network, int fd)
      : network_{network}, fd_{fd}, connection_{network.connections_[fd]} {}
  ~FakeStream() override { network_.connections_.erase(fd_); }

  int fd() const noexcept override { return fd_; }
  Progress handshake() override { return {.state = Progress::State::Done}; }
  Progress read(std::span<char> into) override {
    const std::size_t size = connection_->read(into, network_.now_);
    if (size > 0) {
      heard_ = true;
      return {.state = Progress::State::Done, .bytes = size};
    }
    return connection_->broken() ? gone() : Progress{.state = Progress::State::WantRead};
  }
  Progress write(std::span<const iovec> from) override {
    if (connection_->broken()) return gone();
    std::string bytes;
    for (const iovec& part : from) bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
    connection_->receive(bytes, network_.now_);
    return {.state = Progress::State::Done, .bytes = bytes.size()};
  }
  bool holds_back() const noexcept override { return false; }
  bool heard() const noexcept override { return heard_; }
  bool buffered() const noexcept override { return false; }
  void abandon() noexcept override {}
  void keep_alive() noexcept override {}

 private:
  static Progress gone() {
    return {.state = Progress::State::Failed,
            .failure = {.kind = net::ConnectionFailure::Kind::Disconnected, .detail = "connection reset"}};
  }

  FakeNetwork& network_;
  int fd_;
  std::shared_ptr<Connection> connection_;
  bool heard_ = false;
};

class FakeNetwork::FakeDial final : public net::Dial {
 public:
  FakeDial(FakeNetwork& network, FakeNode& node) : network_{network}, node_{node} {}
  Result step(TimePoint, Duration) override {
    if (node_.refuses) return net::ConnectionFailure{.kind = net::ConnectionFailure::Kind::Refused};
    const int fd = ++network_.last_fd_;
    network_.connections_[fd] = std::make_shared<Connection>(node_);
    return std::make_unique<FakeStream>(network_, fd);
  }
  bool resolving() const noexcept override { return false; }
  void watch(net::Poller&) const override {}
  TimePoint next_timer() const noexcept override { return TimePoint::max(); }

 private:
  FakeNetwork& network_;
  FakeNode& node_;
};

FakeNetwork::FakeNetwork(std::size_t nodes) {
  for (std::size_t i = 0; i < nodes; ++i) nodes_.push_back({.run_id = fmt::format("{:040}", i)});
}

FakeNetwork::~FakeNetwork() = default;

std::vector<redis::NodeEndpoint> FakeNetwork::endpoints() const {
  std::vector<redis::NodeEndpoint> endpoints(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) endpoints[i].port = static_cast<std::uint16_t>(i);
  return endpoints;
}

int FakeNetwork::readable_from(TimePoint at) {
  alarms_[++last_fd_] = at;
  return last_fd_;
}

Now FakeNetwork::now() {
  const auto since_epoch = std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch());
  return {.boot = now_, .wall_us = 1'790'000'000'000'000 + static_cast<std::uint64_t>(since_epoch.count())};
}

std::unique_ptr<net::Dial> FakeNetwork::dial(const net::Endpoint& endpoint) {
  return std::make_unique<FakeDial>(*this, nodes_.at(endpoint.port));
}

void FakeNetwork::poll(net::Poller& poller, TimePoint, TimePoint until) {
  now_ += std::exchange(oversleeps_, Duration{});
  for (;;) {
    for (pollfd& entry : poller.entries()) entry.revents = ready(entry);
    if (poller.any_ready() || now_ >= until) return;
    const TimePoint next = std::min(until, next_event());
    if (next == TimePoint::max()) throw std::logic_error{"nothing will ever happen"};
    now_ = next;
  }
}

short FakeNetwork::ready(const pollfd& entry) const {
  if (const auto alarm = alarms_.find(entry.fd); alarm != alarms_.end())
    return alarm->second <= now_ ? POLLIN : short{};
  if (const auto found = connections_.find(entry.fd); found != connections_.end()) {
    const bool readable = found->second->readable_at() <= now_;
    return static_cast<short>(entry.events & (POLLOUT | (readable ? POLLIN : 0)));
  }
  pollfd real{.fd = entry.fd, .events = entry.events, .revents = 0};
  return ::poll(&real, 1, 0) == 1 ? real.revents : short{};
}

// The next thing after now.
TimePoint FakeNetwork::next_event() const {
  TimePoint next = TimePoint::max();
  const auto consider = [&](TimePoint at) {
    if (at > now_) next = std::min(next, at);
  };
  for (const auto& [fd, at] : alarms_) consider(at);
  for (const auto& [fd, connection] : connections_) consider(connection->readable_at());
  return next;
}

}  // namespace redlock::test

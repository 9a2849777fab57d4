#include "redis/session_setup.hpp"

#include "base/text.hpp"
#include "redis/info.hpp"
#include "redis/node_error.hpp"

#include <array>
#include <chrono>
#include <string>

namespace redlock::redis {
namespace {

using quorum::Failure;

Failure garbled(std::string_view why) {
  return node_failure(NodeError::Garbled, std::string{why});
}

// AUTH and SELECT fail for one reason each when the error names none. The error to AUTH is not shown: a server that has
// renamed the command quotes the password.
Failure auth_failure(std::string_view error) {
  Failure failure = classify(error);
  if (failure.kind == NodeError::OtherError || failure.kind == NodeError::UnknownCommand)
    failure = node_failure(NodeError::AuthFailed);
  if (failure.kind == NodeError::AuthFailed) {
    const bool unset = error.find("without any password configured") != std::string_view::npos ||
                       error.find("no password is set") != std::string_view::npos;
    failure.detail = refuses_command(error)           ? "AUTH is not allowed there"
                     : unset                          ? "none is set there"
                     : error.starts_with("WRONGPASS") ? "WRONGPASS"
                                                      : "";
  }
  return failure;
}

Failure select_failure(std::string_view error) {
  Failure failure = classify(error);
  if (failure.kind != NodeError::OtherError && failure.kind != NodeError::UnknownCommand) return failure;
  return node_failure(NodeError::NoSuchDatabase, std::move(failure.detail));
}

constexpr std::int64_t kGreatestUptime = 100LL * 365 * 24 * 3600;  // seconds: fits any chrono arithmetic
constexpr std::size_t kMaxRunId = 128;                             // 40 in every Redis so far

struct RoleName {
  std::string_view name;
  quorum::Role role;
};
constexpr std::array kRoles{
    RoleName{"master", quorum::Role::Master}, RoleName{"slave", quorum::Role::Replica},
    RoleName{"replica", quorum::Role::Replica}, RoleName{"active-replica", quorum::Role::Replica},
    RoleName{"sentinel", quorum::Role::Sentinel}};

}  // namespace

std::vector<SetupCommand> session_setup(const NodeEndpoint& endpoint) {
  std::vector<SetupCommand> commands;
  commands.reserve(4);
  const auto say = [&](SetupStep step, std::initializer_list<std::string_view> words) {
    commands.push_back({.step = step, .bytes = format_command({words.begin(), words.size()})});
  };
  if (!endpoint.password.empty()) {
    const std::string_view password = endpoint.password.reveal();
    if (endpoint.username.empty()) {
      say(SetupStep::Auth, {"AUTH", password});
    } else {
      say(SetupStep::Auth, {"AUTH", endpoint.username, password});
    }
  }
  if (endpoint.db != 0) say(SetupStep::Select, {"SELECT", std::to_string(endpoint.db)});
  say(SetupStep::Info, {"INFO", "server"});
  say(SetupStep::Role, {"ROLE"});
  return commands;
}

std::optional<Failure> SetupReader::take(SetupStep step, const Value& answer) {
  const bool is_error = answer.type == Value::Type::Error;
  switch (step) {
    case SetupStep::Auth:
      if (is_error) return auth_failure(answer.text);
      if (answer.type != Value::Type::Status) return garbled("not an answer to AUTH");
      return std::nullopt;
    case SetupStep::Select:
      if (is_error && answer.text.starts_with("ERR unknown command")) {
        without_select_ = select_failure(answer.text);
        return std::nullopt;
      }
      if (is_error) return select_failure(answer.text);
      if (answer.type != Value::Type::Status) return garbled("not an answer to SELECT");
      return std::nullopt;
    case SetupStep::Info: return take_info(answer);
    case SetupStep::Role: {
      auto failure = take_role(answer);
      return !failure && identity_.role != quorum::Role::Sentinel ? without_select_ : failure;
    }
  }
  return std::nullopt;
}

// A node whose identity is hidden on purpose has a vote; one that just now cannot say it (BUSY, ...) has not,
// because it may have restarted.
std::optional<Failure> SetupReader::take_info(const Value& answer) {
  if (answer.type == Value::Type::Error) {
    if (!refuses_command(answer.text)) return classify(answer.text);
    return std::nullopt;
  }
  if (answer.type != Value::Type::String) return garbled("not an answer to INFO");
  const auto run_id = info_field(answer.text, "run_id");
  const auto uptime = info_field(answer.text, "uptime_in_seconds");
  if (!run_id || !uptime) return garbled("an INFO without run_id or uptime");
  // Below zero where its clock was set back behind its start.
  const auto seconds = parse_number<std::int64_t>(*uptime);
  if (!seconds || *seconds > kGreatestUptime || *seconds < -kGreatestUptime || run_id->empty() ||
      run_id->size() > kMaxRunId) {
    return garbled("an INFO with impossible values");
  }
  identity_.known = true;
  identity_.run_id = *run_id;
  identity_.uptime = std::chrono::seconds{*seconds};
  identity_.cluster = is_cluster(answer.text);
  return std::nullopt;
}

std::optional<Failure> SetupReader::take_role(const Value& answer) {
  if (answer.type == Value::Type::Error) {
    if (!refuses_command(answer.text)) return classify(answer.text);
    identity_ = {};
    return std::nullopt;
  }
  if (answer.type != Value::Type::Array || answer.elements.empty()) return garbled("not an answer to ROLE");
  for (const RoleName& role : kRoles) {
    if (answer.elements.front().text != role.name) continue;
    identity_.role = role.role;
    return std::nullopt;
  }
  return garbled("a role that is none: " + quoted(answer.elements.front().text, 32));
}

}  // namespace redlock::redis

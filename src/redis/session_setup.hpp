#pragma once

#include "base/secret.hpp"
#include "quorum/types.hpp"
#include "redis/endpoint.hpp"
#include "redis/wire.hpp"

#include <optional>
#include <string_view>
#include <vector>

// The first commands on a connection, in the same write as the first request. The answers say whether we may talk, and
// which server it is (DESIGN section 3, "Restarted nodes").
namespace redlock::redis {

enum class SetupStep { Auth, Select, Info, Role };

struct SetupCommand {
  SetupStep step;
  Secret bytes;
};

// AUTH if there is a password, SELECT if the database is not 0, INFO server, ROLE. The last is always ROLE.
std::vector<SetupCommand> session_setup(const NodeEndpoint& endpoint);

// Puts together what a node answers to it, in order.
class SetupReader {
 public:
  // Takes the answer to `step`. A failure says that nothing asked on this connection counts.
  std::optional<quorum::Failure> take(SetupStep step, const Value& answer);

  // Complete after the answer to ROLE.
  const quorum::Identity& identity() const noexcept { return identity_; }

 private:
  std::optional<quorum::Failure> take_info(const Value& answer);
  std::optional<quorum::Failure> take_role(const Value& answer);

  quorum::Identity identity_;
  std::optional<quorum::Failure> without_select_;  // it knows no SELECT: a failure, unless its role says why
};

}  // namespace redlock::redis

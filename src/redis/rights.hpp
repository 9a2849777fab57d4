#pragma once

#include <string_view>

namespace redlock::redis {

// The rights that an ACL must give to the user of redlock, as ACL SETUSER of Redis 6.2 and later takes them; beside these
// the keys KEY and redlock.*:KEY of each lock (keys.hpp), and redlock.trial* (server_report.hpp). The second part is for waiting clients: without it they are not
// woken and have to poll, but all else works; without its last two they are not called, and cost the nodes more. The
// third is for the commands that look at locks and nodes.
inline constexpr std::string_view kRights =
    "+eval +get +set +del +pttl +pexpire +hset +hmget +info +role +select "
    "+client|id +client|tracking +subscribe &__redis__:invalidate +time +zadd +zrange +zrem "
    "+zremrangebyscore +publish &redlock.turn:* "
    "+zcard +scan +config|get";

}  // namespace redlock::redis

#include "config/url.hpp"

#include <doctest/doctest.h>

#include <string>
#include <variant>

using redlock::config::parse_url;
using redlock::config::same_server;
using redlock::config::UrlProblem;
using redlock::redis::NodeEndpoint;
using Transport = NodeEndpoint::Transport;

namespace {

NodeEndpoint good(const std::string& url) {
  auto parsed = parse_url(url);
  if (const auto* problem = std::get_if<UrlProblem>(&parsed)) {
    FAIL(url << ": " << problem->text);
  }
  return std::get<NodeEndpoint>(std::move(parsed));
}

std::string problem_of(const std::string& url) {
  const auto parsed = parse_url(url);
  if (!std::holds_alternative<UrlProblem>(parsed)) FAIL("accepted: " << url);
  return std::get<UrlProblem>(parsed).text;
}

bool refused(const std::string& url, const std::string& why) {
  const std::string problem = problem_of(url);
  const bool found = problem.find(why) != std::string::npos;
  if (!found) MESSAGE(problem);
  return found;
}

}  // namespace

TEST_CASE("a URL names host, port and database, and each but the host may be left out") {
  const NodeEndpoint full = good("redis://redis-1.example.com:7000/3");
  CHECK(full.transport == Transport::Tcp);
  CHECK(full.host == "redis-1.example.com");
  CHECK(full.port == 7000);
  CHECK(full.db == 3);
  CHECK(full.username.empty());
  CHECK(full.password.empty());

  const NodeEndpoint least = good("redis://10.0.0.1");
  CHECK(least.host == "10.0.0.1");
  CHECK(least.port == 6379);
  CHECK(least.db == 0);
  CHECK(good("redis://h/").db == 0);
  CHECK(good("redis://h:65535/2147483647").db == 2147483647);
  CHECK(good("REDIS://h").transport == Transport::Tcp);
  CHECK(good("rediss://h").transport == Transport::Tls);
  CHECK(good("valkey://h:7000/1").transport == Transport::Tcp);
  CHECK(good("valkey://h:7000/1").display() == "redis://h:7000/1");
  CHECK(good("valkeys://u:p@h").transport == Transport::Tls);
}

TEST_CASE("an IPv6 address stands in brackets and has one spelling") {
  CHECK(good("redis://[::1]:7000").host == "::1");
  CHECK(good("redis://[::1]:7000").port == 7000);
  CHECK(good("redis://[2001:DB8:0:0::1]/1").host == "2001:db8::1");
  CHECK(good("redis://[fe80::1%25eth0]").host == "fe80::1%eth0");
  CHECK(good("redis://[fe80::1%eth0]").host == "fe80::1%eth0");
  CHECK(refused("redis://[::1", "']'"));
  CHECK(refused("redis://[hello]", "not an IPv6 address"));
  CHECK(refused("redis://[::1]7000", "only a ':'"));
  CHECK(refused("redis://::1", "brackets"));
  CHECK(refused("redis://::1:6379", "brackets"));
  CHECK(refused("redis://fe80::1", "brackets"));
  CHECK(refused("redis://[fe80::1%25]", "zone"));
}

TEST_CASE("user and password are percent-decoded") {
  const NodeEndpoint both = good("redis://us%65r:p%40ss%2Fw%3Ard%23%25@h:1/2");
  CHECK(both.username == "user");
  CHECK(both.password.reveal() == "p@ss/w:rd#%");
  CHECK(both.port == 1);
  const NodeEndpoint password = good("redis://:secret@h");
  CHECK(password.username.empty());
  CHECK(password.password.reveal() == "secret");
  CHECK(good("redis://u:a:b@h").password.reveal() == "a:b");
  CHECK(good("redis://u:a@b@h").password.reveal() == "a@b");
  CHECK(good("redis://user@h").username == "user");
  CHECK(refused("redis://u:p%4@h", "hex digits"));
  CHECK(refused("redis://u:p%@h", "hex digits"));
  CHECK(refused("redis://u:p%zz@h", "hex digits"));
  CHECK(refused("redis://u:p%00@h", "NUL"));
}

TEST_CASE("a socket has a path, and may have a database, a user and a password") {
  const NodeEndpoint plain = good("unix:///run/redis.sock");
  CHECK(plain.transport == Transport::Unix);
  CHECK(plain.path == "/run/redis.sock");
  CHECK(plain.db == 0);
  const NodeEndpoint full = good("unix://user:pw@/run/a%20b@c.sock?db=7");
  CHECK(full.path == "/run/a b@c.sock");
  CHECK(full.db == 7);
  CHECK(full.username == "user");
  CHECK(full.password.reveal() == "pw");
  CHECK(good("unix:///" + std::string(106, 'a')).path.size() == 107);
  CHECK(refused("unix:///" + std::string(107, 'a'), "107 bytes"));
  CHECK(refused("unix://run/redis.sock", "begin with '/'"));
  CHECK(refused("unix://", "begin with '/'"));
  CHECK(refused("unix:///s?db=x", "not a number"));
  CHECK(refused("unix:///s?db=", "not a number"));
  CHECK(refused("unix:///s?database=1", "not db=N"));
  CHECK(refused("unix:///s?db=1&x=2", "nothing else"));
  CHECK(refused("unix:///p?db=0&password=hunter2", "before the path, as in unix://USER:PASSWORD@/"));
  CHECK(refused("unix:///p?password=hunter2", "before the path"));
  CHECK(refused("unix:///s%00", "NUL"));
}

TEST_CASE("what is wrong with a URL is said with the part that is wrong") {
  CHECK(refused("", "does not begin with"));
  CHECK(refused("10.0.0.1:6379", "does not begin with"));
  CHECK(refused("ftp://h",
                "what stands before '://': write redis://, rediss:// for TLS, or unix:// for a socket"));
  CHECK(refused("rdis://h", "what stands before '://': write redis://"));
  CHECK(refused("rediss+ssl://h", "what stands before '://': write rediss://"));
  CHECK(refused("redis:/h", "followed by '//'"));
  CHECK(refused("redis:h", "followed by '//'"));
  CHECK(refused("redis:6379", "does not begin with redis://, rediss:// or unix://; write redis://HOST:6379"));
  CHECK(refused("unix:/run/redis.sock", "the path: unix:///run/redis.sock"));
  CHECK(refused("/run/redis.sock", "write unix:// before it"));
  CHECK(refused("::1", "the address in brackets: redis://[::1]:6379"));
  CHECK(refused("fe80::1:6379", "the address in brackets: redis://[::1]:6379"));
  CHECK(refused("[::1]:6379", "write redis:// before it"));
  CHECK(refused("\"redis://h\"", "quotation mark"));
  CHECK(refused("'redis://h'", "quotation mark"));
  CHECK(refused("redis://[::1%lo]:1", "only an IPv6 address that begins with fe80: has a zone"));
  CHECK(refused("redis://a:1,redis://b:2", "it holds a ','"));
  CHECK(refused("redis://u:p@a:1,redis://u:p@b:2", "it holds a ','"));
  CHECK(refused("redis://", "host is missing"));
  CHECK(refused("redis://:6379", "host is missing"));
  CHECK(refused("redis:///0", "host is missing"));
  CHECK(refused("redis://u:p@", "host is missing"));
  CHECK(refused("redis://h:0", "1 to 65535"));
  CHECK(refused("redis://h:70000", "'redis://h:70000': the port is not a number from 1 to 65535"));
  CHECK(refused("redis://h:", "1 to 65535"));
  CHECK(refused("redis://h:-1", "1 to 65535"));
  CHECK(refused("redis://h:63 79", "blank"));
  CHECK(refused("redis://h/x", "not a number from 0"));
  CHECK(refused("redis://h/-1", "not a number from 0"));
  CHECK(refused("redis://h/0/", "not a number from 0"));
  CHECK(refused("redis://h/2147483648", "not a number from 0"));
  CHECK(refused("redis://h/99999999999999999999", "not a number from 0"));
  CHECK(refused("redis://h#0", "fragment"));
  CHECK(refused("redis://h?db=1", "query"));
  CHECK(refused("redis://h/0?timeout=1", "query"));
  CHECK(refused("redis://h\n", "control character"));
  CHECK(refused("redis://h\x7f", "control character"));
  CHECK(refused(std::string{"redis://h\0x", 11}, "control character"));
  CHECK(refused("redis://h%41", "letters, digits"));
  CHECK(refused("redis://" + std::string(254, 'a'), "letters, digits"));
}

TEST_CASE("a scheme of other clients is told what to write instead") {
  CHECK(refused("redis+ssl://u:hunter2@h", "no redis+ssl://...: write rediss://"));
  CHECK(refused("TLS://h", "write rediss://"));
  CHECK(refused("redis+socket:///s", "write unix://"));
  CHECK(refused("redis-sentinel://h:26379/mymaster", "sentinel keeps no keys; name the master"));
  CHECK(refused("redis+sentinel://h", "sentinel"));
  CHECK(refused("redis-cluster://h", "independent servers"));
  CHECK(refused("https://h", "write redis://"));
}

TEST_CASE("no part of a password is in what is said about a URL, whichever character was not encoded") {
  for (const char* const url : {"redis://user:hunter2@h:70000",
                                "redis://:hunter2@",
                                "redis://:hun/ter2hunter2@h",
                                "redis://:x#hunter2@h",
                                "redis://:x?hunter2@h",
                                "redis://:x hunter2@h",
                                "redis://user:hunter2",
                                "redis://:hunter2",
                                "redis://:a/hunter2",
                                "redis://user:1/hunter2",
                                "redis://u:hunter2@h/x",
                                "redis://u:hunter2%@h",
                                "redis://u:hunter2%00@h",
                                "redis://[hunter2@h:0",
                                "redis://[u:hunter2",
                                "redis://u:hunter2@[::1",
                                "rediss://u:hunter2@h:0",
                                "unix://u:hunter2@run/x",
                                "unix://u:hun/hunter2@/run/x?y",
                                "unix://:hunter2@/s?db=hunter2",
                                "redis://h#hunter2",
                                "redis://h?password=hunter2",
                                "redi://u:hunter2@h",
                                "redis+ssl://u:hunter2@h",
                                "redis-sentinel://:hunter2@h",
                                "unix:///s?password=hunter2",
                                "unix:///s?db=0&password=hunter2",
                                "hunter2",
                                "hunter2@h",
                                "u:hunter2@redis://h",
                                "redis://u:hunter2@h:\n"}) {
    CAPTURE(url);
    CHECK(problem_of(url).find("hunter2") == std::string::npos);
  }
  CHECK(refused("redis://user:hunter2@h:70000", "'redis://***@h:70000'"));
}

TEST_CASE("two URLs are one server whatever database, user and spelling they have") {
  const auto same = [](const char* a, const char* b) { return same_server(good(a), good(b)); };
  CHECK(same("redis://h/0", "redis://h:6379/1"));
  CHECK(same("redis://h", "redis://u:p@H"));
  CHECK(same("redis://h", "rediss://h"));
  CHECK(same("redis://[::1]", "redis://[0:0:0:0:0:0:0:1]"));
  CHECK(same("unix:///s?db=1", "unix://:p@/s"));
  CHECK_FALSE(same("redis://h:1", "redis://h:2"));
  CHECK_FALSE(same("redis://a", "redis://b"));
  CHECK_FALSE(same("unix:///a", "unix:///b"));
  CHECK_FALSE(same("unix:///a", "redis://127.0.0.1"));
}

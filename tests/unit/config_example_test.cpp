// config.example.toml is documentation that must not rot.
#include "config_fixture.hpp"

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

using namespace redlock;
using namespace redlock::config;
using namespace redlock::config::test;
using namespace std::chrono_literals;

namespace {

std::string source_file(const std::string& name) {
  std::ifstream in{REDLOCK_SOURCE_DIR "/" + name};
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::string example() {
  return source_file("config.example.toml");
}

// The example with its settings of [defaults] no longer commented out, but for the passwords: one at most may
// stay.
std::string with_all_settings() {
  std::istringstream in{example()};
  std::string out;
  for (std::string line; std::getline(in, line);) {
    for (const Key& key : kKeys) {
      if (line.starts_with("#" + std::string{key.name} + " = ")) line.erase(0, 1);
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the example is a valid configuration") {
  config(example());
  const Settings settings = load({}, "nightly-backup");
  CHECK(settings.nodes.size() == 3);
  CHECK(settings.ttl == 2min);
  CHECK(settings.wait == 0s);
  CHECK(messages().empty());
}

TEST_CASE_FIXTURE(Fixture, "the first ten lines of the example name the nodes, the user and the password") {
  std::istringstream in{example()};
  std::string beginning;
  std::string line;
  for (int i = 0; i < 10 && std::getline(in, line); ++i) {
    if (line.starts_with("#username") || line.starts_with("#password_file")) line.erase(0, 1);
    beginning += line + "\n";
  }
  const std::string name = "/etc/redlock/password";
  const std::size_t at = beginning.find(name);
  REQUIRE(at != std::string::npos);
  config(beginning.replace(at, name.size(), write("password", "secret\n")));
  const Settings settings = load();
  REQUIRE(settings.nodes.size() == 3);
  for (const redis::NodeEndpoint& node : settings.nodes) {
    CHECK(node.username == "redlock");
    CHECK(node.password.reveal() == "secret");
  }
  CHECK(messages().empty());
}

TEST_CASE_FIXTURE(Fixture, "every key is in the example") {
  for (const Key& key : kKeys) {
    CAPTURE(key.name);
    CHECK(contains(example(), "\n#" + std::string{key.name} + " = "));
  }
  for (const std::string key :
       {"username", "password", "password_file", "password_env", "url", "ca_file", "ca_dir", "cert_file",
        "key_file", "key_password_file", "key_password_env", "server_name", "insecure_skip_verify"}) {
    CAPTURE(key);
    const bool found = contains(example(), "\n#" + key + " = ") || contains(example(), "\n" + key + " = ");
    CHECK(found);
  }
}

TEST_CASE("the manual has every key and its variable") {
  const std::string environment = source_file("man/redlock.1");
  for (const Key& key : kKeys) {
    CAPTURE(key.name);
    CHECK(contains(source_file("man/redlock.toml.5"), "\n.It Ic " + std::string{key.name} + "\n"));
    CHECK(contains(environment.substr(environment.find("\n.Sh ENVIRONMENT\n")), environment_name(key)));
  }
}

TEST_CASE_FIXTURE(Fixture, "the defaults that the example shows are the defaults") {
  config(example());
  const Settings built_in = load();
  config(with_all_settings());
  const Settings shown = load();
  CHECK(shown.ttl == built_in.ttl);
  CHECK(shown.retry_delay == built_in.retry_delay);
  CHECK(shown.kill_after == built_in.kill_after);
  CHECK(shown.node_timeout == built_in.node_timeout);
  CHECK(shown.restart_quarantine == built_in.restart_quarantine);
  CHECK(shown.key_prefix == built_in.key_prefix);
  CHECK(shown.release_when == built_in.release_when);
  CHECK(shown.at_least == built_in.at_least);
  CHECK(shown.release_on_failure == built_in.release_on_failure);
  CHECK(shown.reentrant == built_in.reentrant);
  CHECK(shown.wait == 5min);  // an example: by default there is no limit
  CHECK(shown.retry_count == 10);
}

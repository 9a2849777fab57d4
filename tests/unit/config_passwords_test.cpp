// Users and passwords: where they come from, and that they go nowhere else.
#include "config_fixture.hpp"

#include <string>

using namespace redlock;
using namespace redlock::config;
using namespace redlock::config::test;

namespace {

const std::string kNode = "[[node]]\nurl = 'redis://a'\n";

// "user:password" of the only node.
std::string login(const Settings& settings) {
  REQUIRE(settings.nodes.size() == 1);
  return settings.nodes[0].username + ":" + std::string{settings.nodes[0].password.reveal()};
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a password comes from the URL, the node, a file or a variable") {
  config("[[node]]\nurl = 'redis://u:p%40@a'\n");
  CHECK(login(load()) == "u:p@");
  config(kNode + "username = 'u'\npassword = 'p'\n");
  CHECK(login(load()) == "u:p");
  config(kNode + "password_file = '" + write("secret", " from file \n") + "'\n");
  CHECK(login(load()) == ": from file ");
  environment.set("TEST_REDLOCK_PASSWORD", "from variable");
  config(kNode + "password_env = 'TEST_REDLOCK_PASSWORD'\n");
  CHECK(login(load()) == ":from variable");
  config("[[node]]\nurl = 'redis://u@a'\npassword = 'p'\n");
  CHECK(login(load()) == "u:p");
  config("[[node]]\nurl = 'redis://:p@a'\nusername = 'u'\n");
  CHECK(login(load()) == "u:p");
}

TEST_CASE_FIXTURE(Fixture, "[defaults] gives user and password to the nodes that have none of their own") {
  const std::string defaults = "[defaults]\nusername = 'du'\npassword = 'dp'\n";
  config(defaults + kNode);
  CHECK(login(load()) == "du:dp");
  config(defaults + kNode + "password = 'p'\n");
  CHECK(login(load()) == "du:p");
  config(defaults + kNode + "username = 'u'\n");
  CHECK(login(load()) == "u:dp");
  config(defaults + "[[node]]\nurl = 'redis://:p@a'\n");
  CHECK(login(load()) == ":p");
  CHECK(login(load(with_nodes({"redis://b"}))) == "du:dp");
  environment.set("REDLOCK_NODES", "redis://x:y@b");
  CHECK(login(load()) == "x:y");
}

TEST_CASE_FIXTURE(Fixture, "one newline at the end of a password_file is not a part of the password") {
  config(kNode + "password_file = 'secret'\n");  // beside the configuration file
  write("secret", "pw\n");
  CHECK(login(load()) == ":pw");
  write("secret", "pw\r\n");
  CHECK(login(load()) == ":pw");
  write("secret", "pw\n\n");
  CHECK(login(load()) == ":pw\n");
  write("secret", "pw");
  CHECK(login(load()) == ":pw");
}

TEST_CASE_FIXTURE(Fixture,
                  "what looks wrong with a password of a file or a variable is kept for when it is refused") {
  const auto doubt = [this](const std::string& password) {
    config(kNode + "password_file = 'secret'\n");
    write("secret", password);
    std::string text = load().nodes.at(0).password_doubt;
    const std::string file = "file " + path("secret") + " ";
    if (text.starts_with(file)) text.erase(0, file.size());
    return text;
  };
  CHECK(doubt("pw").empty());
  CHECK(doubt("p w\n").empty());
  CHECK(doubt("pw \n") == "ends in a blank");
  CHECK(doubt("pw\t") == "ends in a blank");
  CHECK(doubt(" pw\n") == "begins with a blank");
  CHECK(doubt("pw\n\n") == "ends in a second newline");
  CHECK(doubt("\xef\xbb\xbfpw\n") == "begins with a byte order mark");
  CHECK(doubt(std::string{"p\0w\n", 4}) == "holds a NUL byte");
  environment.set("TEST_REDLOCK_PASSWORD", "pw ");
  config(kNode + "password_env = 'TEST_REDLOCK_PASSWORD'\n");
  CHECK(load().nodes.at(0).password_doubt == "variable TEST_REDLOCK_PASSWORD ends in a blank");
  config(kNode + "password = 'pw '\n");
  CHECK(load().nodes.at(0).password_doubt.empty());
}

TEST_CASE_FIXTURE(Fixture, "a password that cannot be had is an error that names where it should be") {
  config(kNode + "password_file = '/nonexistent/secret'\n");
  CHECK(problem() == "CONFIG:3:1: password_file: /nonexistent/secret: no such file or directory");
  config(kNode + "password_file = 'empty'\n");
  write("empty", "\n");
  CHECK(contains(problem(), "empty is empty; write the password into it"));
  config(kNode + "password_env = 'TEST_REDLOCK_UNSET'\n");
  CHECK(problem() ==
        "CONFIG:3:1: password_env: the variable TEST_REDLOCK_UNSET is not set, or empty; set it to the "
        "password");
  // Nobody needs it where the node is not used.
  CHECK(login(load(with_nodes({"redis://b"}))) == ":");
}

TEST_CASE_FIXTURE(Fixture, "two passwords for one node are refused") {
  config(kNode + "password = 'a'\npassword_env = 'B'\n");
  CHECK(contains(problem(), "password_env: there is another password already (CONFIG:3:1: password)"));
  config("[defaults]\npassword_file = 'a'\npassword = 'b'\n");
  CHECK(contains(problem(), "there is another password already"));
  config("[[node]]\nurl = 'redis://:p@a'\npassword_file = 'x'\n");
  CHECK(contains(problem(), "CONFIG:3:1: password_file: the url of this node has a password already"));
  config("[[node]]\nurl = 'redis://u:p@a'\nusername = 'v'\n");
  CHECK(contains(problem(), "the url has a user, and username is there too"));
}

TEST_CASE_FIXTURE(Fixture, "a user without a password is refused") {
  config(kNode + "username = 'u'\n");
  CHECK(contains(problem(), "CONFIG:2:7: url: the node has a user and no password"));
  CHECK(
      contains(problem<UsageError>(with_nodes({"redis://hunter2@a"})), "--node: the node has a user and no"));
}

TEST_CASE_FIXTURE(Fixture, "a world-readable file that holds a password is warned about, once") {
  const std::string file_warning =
      "config.toml holds a password and everybody on this machine can read it: chmod 600";
  config(kNode + "password = 'p'\n", 0644);
  CHECK(occurrences(messages(), "configuration file " + path(file_warning)) == 1);
  config("[[node]]\nurl = 'redis://:p@a'\n", 0604);
  CHECK(contains(messages(), file_warning));
  config("[defaults]\npassword = 'p'\n", 0644);
  CHECK(contains(messages(), file_warning));
  config(kNode + "password = 'p'\n", 0640);
  CHECK(messages().empty());

  write("secret", "pw\n", 0644);
  std::string nodes = "[defaults]\npassword_file = 'secret'\n";
  for (const char* const host : {"a", "b", "c"})
    nodes += "[[node]]\nurl = 'redis://" + std::string{host} + "'\n";
  config(nodes, 0644);
  CHECK(occurrences(messages(), "warning") == 1);
  CHECK(contains(messages(), "password_file " + path("secret") + " holds a password"));
  write("secret", "pw\n", 0600);
  CHECK(messages().empty());
}

TEST_CASE_FIXTURE(Fixture, "a password in --node is warned about, once, with what to use instead") {
  const std::string text = messages(with_nodes({"redis://:x@a", "redis://:y@b", "redis://:z@c"}));
  CHECK(occurrences(text, "warning") == 1);
  CHECK(contains(text, "password_file or password_env"));
  environment.set("REDLOCK_NODES", "redis://:x@a");
  CHECK(messages().empty());
}

TEST_CASE_FIXTURE(Fixture, "no message holds a password, however it was given and whatever else is wrong") {
  const std::string secret = "hunter2";
  environment.set("TEST_REDLOCK_PASSWORD", secret);
  write("secret", secret + "\n", 0644);
  for (const char* const text : {
           "[[node]]\nurl = 'redis://u:hunter2@a:0'\n",
           "[[node]]\nurl = 'redis://hunter2@a'\n",
           "[[node]]\nurl = 'redis://u:hunter2@a'\npassword = 'hunter2'\n",
           "[[node]]\nurl = 'rediss://u:hunter2@a'\n",
           "[[node]]\nurl = 'redis://u:hunter2@a#'\n",
           "[[node]]\nurl = 'redis://u:hunter2@a'\n[[node]]\nurl = 'redis://a'\n",
           "[[node]]\nurl = redis://u:hunter2@a\n",
           "[[node]]\nurl = 'redis://u:hunter2@a\n",
           "[[node]]\nurl = \"redis://u:\\xhunter2@a\"\n",
           "node = ['redis://u:hunter2@a']\n",
           "node = 'redis://u:hunter2@a'\n",
           "[defaults]\npassword = hunter2\n",
           "[defaults]\npassword = 'hunter2\n",
           "[defaults]\npassword = 'hunter2' hunter2\n",
           "[defaults]\npassword = true_hunter2\n",
           "[defaults]\npassword = thunter2\n",
           "[defaults]\npassword = fhunter2\n",
           "[defaults]\npassword = nhunter2\n",
           "[defaults]\npassword = nahunter2\n",
           "[defaults]\npassword = 0xhunter2\n",
           "[defaults]\npassword = 1hunter2\n",
           "[defaults]\npassword = '''\nhunter2\n",
           "[defaults]\npassword = ['hunter2']\n",
           "[defaults]\npassword = {a = 'hunter2'}\n",
           "[defaults]\npassword = 'hunter2'\npassword = 'hunter2'\n",
           "[defaults]\npasword = 'hunter2'\n",
           "password = 'hunter2'\n",
           "[lock.job]\npassword = 'hunter2'\n",
           "[defaults]\nttl = 1\nkill_after = 9\npassword = 'hunter2'\n",
           "[defaults]\npassword_env = 'TEST_REDLOCK_PASSWORD'\n[[node]]\nurl = 'rediss://a'\n"
           "insecure_skip_verify = true\n",
           "[defaults]\ncert_file = 'secret'\nkey_password_env = 'TEST_REDLOCK_PASSWORD'\n[[node]]\nurl = "
           "'rediss://a'\n",
           "[defaults]\ncert_file = 'secret'\nkey_password_file = 'secret'\n[[node]]\nurl = 'rediss://a'\n",
           "[defaults]\npassword_file = 'secret'\n[[node]]\nurl = 'redis://a'\n[[node]]\nurl = 'redis://b'\n",
       }) {
    CAPTURE(text);
    config(text, 0644);
    const std::string said = messages();
    CAPTURE(said);
    CHECK_FALSE(said.empty());
    CHECK_FALSE(contains(said, "hunter"));
    CHECK_FALSE(contains(said, "unter2"));
    CHECK_FALSE(contains(said, "saw"));  // toml++ would quote the beginning of a value without its quotes
  }
  config("");
  for (const char* const nodes :
       {"redis://u:hunter2@a:0", "redis://:x hunter2 y@a", "redis://:x,hunter2,y@a",
        "redis://u:hunter2@a redis://a", "hunter2", "rediss://:hunter2@a:0", "redis://hunter2@a"}) {
    CAPTURE(nodes);
    environment.set("REDLOCK_NODES", nodes);
    CHECK_FALSE(messages().empty());
    CHECK_FALSE(contains(messages(), secret));
    CHECK_FALSE(contains(messages(with_nodes({nodes})), secret));
  }
}

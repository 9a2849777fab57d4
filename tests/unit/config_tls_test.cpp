// TLS: what the configuration says, and what is made of it.
#include "config_fixture.hpp"
#include "net/tls_context.hpp"
#include "sandbox/authority.hpp"

#include <string>

using namespace redlock;
using namespace redlock::config;
using namespace redlock::config::test;

namespace {

const std::string kNode = "[[node]]\nurl = 'rediss://a'\n";

// A CA, and a certificate with its key, in the folder of the configuration.
class TlsFixture : public Fixture {
 public:
  TlsFixture() { sandbox::make_authority(path("")); }
};

}  // namespace

TEST_CASE_FIXTURE(TlsFixture, "nodes with the same settings for TLS share what is made of them") {
  config("[defaults]\nca_file = 'ca.pem'\n" + kNode +
         "[[node]]\nurl = 'rediss://b'\n[[node]]\nurl = 'redis://c'\n" +
         "[[node]]\nurl = 'rediss://d'\nca_file = 'server.pem'\n");
  const auto nodes = load().nodes;
  REQUIRE(nodes.size() == 4);
  REQUIRE(nodes[0].tls != nullptr);
  CHECK(nodes[0].tls == nodes[1].tls);
  CHECK(nodes[2].tls == nullptr);
  REQUIRE(nodes[3].tls != nullptr);
  CHECK(nodes[3].tls != nodes[0].tls);
  CHECK(nodes[0].tls->verifies());
  CHECK_FALSE(nodes[0].tls->has_certificate());
}

TEST_CASE_FIXTURE(TlsFixture, "what [defaults] says about TLS holds for nodes from anywhere") {
  config(
      "[defaults]\nca_file = 'ca.pem'\ncert_file = 'server.pem'\nkey_file = 'server.key'\nserver_name = "
      "'n'\n");
  const auto from_flag = load(with_nodes({"rediss://a", "redis://b", "redis://c"})).nodes;
  CHECK(from_flag[0].tls->has_certificate());
  CHECK(from_flag[0].server_name == "n");
  CHECK(from_flag[1].tls == nullptr);
  environment.set("REDLOCK_NODES", "rediss://a");
  CHECK(load().nodes[0].tls->has_certificate());
}

TEST_CASE_FIXTURE(TlsFixture, "a node's own settings for TLS take the place of those for all") {
  config("[defaults]\nca_file = 'no-such-file'\nserver_name = 'n'\ninsecure_skip_verify = true\n" + kNode +
         "ca_file = 'ca.pem'\nserver_name = 'own'\ninsecure_skip_verify = false\n");
  const auto nodes = load().nodes;
  CHECK(nodes[0].server_name == "own");
  CHECK(nodes[0].tls->verifies());
  // Not the key for all with the certificate of one.
  config("[defaults]\ncert_file = 'server.pem'\nkey_file = 'ca.pem'\n" + kNode +
         "cert_file = 'server.pem'\nkey_file = 'server.key'\n");
  CHECK(load().nodes[0].tls->has_certificate());
}

TEST_CASE_FIXTURE(TlsFixture,
                  "a certificate whose check is switched off is warned about at each use, by node") {
  config("[defaults]\ninsecure_skip_verify = true\n" + kNode +
         "[[node]]\nurl = 'redis://b'\n[[node]]\nurl = 'rediss://c:7'\n");
  const std::string text = messages();
  CHECK(occurrences(text, "warning") == 1);
  CHECK(contains(
      text, "insecure_skip_verify: whoever stands between here and rediss://a:6379/0, rediss://c:7/0 can"));
  CHECK_FALSE(load().nodes[0].tls->verifies());
  config("[defaults]\ninsecure_skip_verify = true\n");
  CHECK(messages(with_nodes({"redis://a"})).empty());
}

TEST_CASE_FIXTURE(TlsFixture, "a file that cannot be used is an error with its place") {
  config(kNode + "ca_file = 'none.pem'\n");
  CHECK(problem() == "CONFIG:3:11: ca_file: " + path("none.pem") + ": no such file or directory");
  write("empty", "");
  config(kNode + "ca_file = 'empty'\n");
  CHECK(problem() == "CONFIG:3:11: ca_file: " + path("empty") + ": it holds no certificate in PEM");
  config(kNode + "ca_dir = 'none'\n");
  CHECK(problem() == "CONFIG:3:10: ca_dir: " + path("none") + ": no such file or directory");
  config(kNode + "ca_dir = '.'\n");
  CHECK(contains(problem(), "it holds no certificate under the hash of its name; run 'openssl rehash'"));
  config(kNode + "cert_file = 'none.pem'\n");
  CHECK(problem() == "CONFIG:3:13: cert_file: " + path("none.pem") + ": no such file or directory");
  config(kNode + "cert_file = 'server.pem'\nkey_file = 'none.key'\n");
  CHECK(problem() == "CONFIG:4:12: key_file: " + path("none.key") + ": no such file or directory");
  config(kNode + "cert_file = 'server.pem'\n");
  CHECK(problem() == "CONFIG:3:13: cert_file: " + path("server.pem") + ": it holds no private key in PEM");
  config(kNode + "cert_file = 'ca.pem'\nkey_file = 'server.key'\n");
  CHECK(contains(problem(), "CONFIG:4:12: key_file: " + path("server.key") +
                                ": the key is not that of the certificate"));
}

TEST_CASE_FIXTURE(TlsFixture, "keys for TLS that do not go together are refused, used or not") {
  for (const char* const key : {"ca_file", "ca_dir", "cert_file", "server_name"}) {
    config("[[node]]\nurl = 'redis://a'\n" + std::string{key} + " = 'x'\n");
    CHECK(contains(problem(),
                   "CONFIG:3:1: " + std::string{key} + ": it is for TLS, and redis://a:6379/0 is without"));
    CHECK_FALSE(messages(with_nodes({"redis://b"})).empty());
  }
  config("[[node]]\nurl = 'unix:///s'\ninsecure_skip_verify = true\n");
  CHECK(contains(problem(), "insecure_skip_verify: it is for TLS, and unix:///s is without"));
  config(kNode + "key_file = 'server.key'\n");
  CHECK(contains(problem(),
                 "CONFIG:3:12: key_file: a key is of no use without its certificate; add cert_file"));
  config("[defaults]\nkey_password_env = 'X'\n");
  CHECK(contains(problem(), "CONFIG:2:1: key_password_env: there is no key that it is for"));
  config(kNode + "cert_file = 'server.pem'\nkey_password_env = 'X'\nkey_password_file = 'y'\n");
  CHECK(contains(problem(), "there is another password for the key already"));
}

TEST_CASE_FIXTURE(TlsFixture, "values for TLS of a wrong kind are refused") {
  config(kNode + "insecure_skip_verify = 'true'\n");
  CHECK(contains(problem(), "CONFIG:3:24: insecure_skip_verify: it is a string; it must be true or false"));
  config(kNode + "ca_file = true\n");
  CHECK(contains(problem(), "CONFIG:3:11: ca_file: it is true or false; it must be a string"));
  config(kNode + "server_name = 'a b'\n");
  CHECK(contains(problem(), "CONFIG:3:15: server_name: it is neither a host name nor an IP address"));
  config(kNode + "ca_flie = 'x'\n");
  CHECK(contains(problem(), "did you mean 'ca_file'?"));
  config("[lock.job]\nca_file = 'x'\n");
  CHECK(contains(problem(), "ca_file belongs to a node, not to a lock"));
  config("ca_file = 'x'\n");
  CHECK(contains(problem(), "ca_file stands in no table"));
}

TEST_CASE_FIXTURE(TlsFixture, "a key that everybody can read is warned about, once") {
  config("[defaults]\ncert_file = 'server.pem'\nkey_file = 'server.key'\n" + kNode +
         "[[node]]\nurl = 'rediss://b'\n" + "[[node]]\nurl = 'rediss://c'\n");
  CHECK(messages().empty());
  ::chmod(path("server.key").c_str(), 0644);
  CHECK(occurrences(messages(), "warning") == 1);
  CHECK(contains(messages(), "holds a private key and everybody on this machine can read it: chmod 600 " +
                                 path("server.key")));
}

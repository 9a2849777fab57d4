// The TLS stream, beside a server of OpenSSL at the other end of a pair of sockets: both in one thread, step by step.
#include "net/stream.hpp"
#include "net/tls_context.hpp"
#include "redis/endpoint.hpp"
#include "redis_support.hpp"
#include "sandbox/authority.hpp"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

using namespace redlock;
using namespace redlock::test;
using State = net::Progress::State;
using Kind = net::ConnectionFailure::Kind;

namespace {

struct Free {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

class Pair {
 public:
  struct Wishes {
    int version = TLS1_3_VERSION;
    bool wants_certificate = false;
    std::string host = "localhost";
  };

  Pair() : Pair{Wishes{}} {}
  explicit Pair(const Wishes& wishes) {
    const sandbox::Authority authority = sandbox::make_authority(folder_.file(""));
    std::array<int, 2> fds{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) == 0);
    const int small = 8192;
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    server_fd_.reset(fds[1]);

    server_context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_min_proto_version(server_context_.get(), wishes.version);
    SSL_CTX_set_max_proto_version(server_context_.get(), wishes.version);
    REQUIRE(SSL_CTX_use_certificate_file(server_context_.get(), authority.cert_file.c_str(),
                                         SSL_FILETYPE_PEM) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey_file(server_context_.get(), authority.key_file.c_str(),
                                        SSL_FILETYPE_PEM) == 1);
    if (wishes.wants_certificate) {
      SSL_CTX_set_verify(server_context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    server_.reset(SSL_new(server_context_.get()));
    SSL_set_fd(server_.get(), fds[1]);
    SSL_set_accept_state(server_.get());

    net::TlsSettings settings;
    settings.ca_file = authority.ca_file;
    redis::NodeEndpoint endpoint;
    endpoint.transport = redis::NodeEndpoint::Transport::Tls;
    endpoint.host = wishes.host;
    endpoint.tls = std::get<0>(net::TlsContext::make(settings));
    client_ = net::make_tls_stream(endpoint, UniqueFd{fds[0]});
  }

  net::Stream& client() { return *client_; }
  void drop_client() { client_.reset(); }
  SSL* server() { return server_.get(); }
  int server_fd() const { return server_fd_.get(); }
  void close_server() { server_fd_.reset(); }

  // Until ours is over: theirs waits for our last message.
  net::Progress shake_hands() {
    for (int step = 0; step < 100; ++step) {
      const net::Progress progress = client_->handshake();
      if (progress.state != State::WantRead && progress.state != State::WantWrite) return progress;
      SSL_do_handshake(server_.get());
    }
    FAIL("the handshake does not end");
    return {.state = State::Failed};
  }

  net::Progress write(std::string_view text) {
    const iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
    return client_->write({&part, 1});
  }

  // What has come to the server.
  std::string heard() {
    std::string all;
    std::array<char, 4096> bytes{};
    for (std::size_t count = 0; SSL_read_ex(server_.get(), bytes.data(), bytes.size(), &count) == 1;) {
      all.append(bytes.data(), count);
    }
    return all;
  }

  net::Progress read(std::string& into) {
    std::array<char, 4096> bytes{};
    const net::Progress progress = client_->read(bytes);
    into.append(bytes.data(), progress.bytes);
    return progress;
  }

 private:
  TempDir folder_;
  UniqueFd server_fd_;
  std::unique_ptr<SSL_CTX, Free> server_context_;
  std::unique_ptr<SSL, Free> server_;
  std::unique_ptr<net::Stream> client_;
};

}  // namespace

TEST_SUITE("redis") {
  TEST_CASE(
      "TLS carries what is said both ways, and the first request leaves with the end of the handshake") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      CAPTURE(version);
      Pair pair{{.version = version}};
      CHECK_FALSE(pair.client().heard());
      REQUIRE(pair.shake_hands().state == State::Done);
      CHECK(pair.client().heard());
      if (version == TLS1_3_VERSION) {
        CHECK(pair.client().holds_back());
        SSL_do_handshake(pair.server());
        CHECK_FALSE(SSL_is_init_finished(pair.server()));
      }
      const std::array<iovec, 2> parts{iovec{.iov_base = const_cast<char*>("PI"), .iov_len = 2},
                                       iovec{.iov_base = const_cast<char*>("NG"), .iov_len = 2}};
      CHECK(pair.client().write(parts).bytes == 4);
      CHECK_FALSE(pair.client().holds_back());
      CHECK(pair.heard() == "PING");
      CHECK(SSL_write(pair.server(), "PONG", 4) == 4);
      std::string said;
      while (pair.read(said).state == State::Done) continue;  // session tickets are nobody's business
      CHECK(said == "PONG");
      CHECK_FALSE(pair.client().buffered());
    }
  }

  TEST_CASE("TLS without a first request ends its handshake when it is told to go on") {
    Pair pair;
    REQUIRE(pair.shake_hands().state == State::Done);
    CHECK(pair.client().write({}).state == State::Done);
    CHECK_FALSE(pair.client().holds_back());
    SSL_do_handshake(pair.server());
    CHECK(SSL_is_init_finished(pair.server()));
  }

  TEST_CASE(
      "TLS sends what it has taken, all of it and nothing else, to a peer that does not read for a while") {
    Pair pair;
    REQUIRE(pair.shake_hands().state == State::Done);
    const std::string record(10'000, 'x');
    std::size_t taken = 0;
    net::Progress progress{.state = State::Done};
    for (int i = 0; i < 1000 && progress.state == State::Done; ++i) {
      progress = pair.write(record);
      taken += progress.bytes;
    }
    REQUIRE(progress.state == State::WantWrite);
    REQUIRE(progress.bytes == 0);
    REQUIRE(pair.client().holds_back());
    std::string arrived;
    while (pair.client().holds_back()) {
      arrived += pair.heard();
      REQUIRE(pair.client().write({}).state != State::Failed);
    }
    // Another text than the one that was not taken.
    REQUIRE(pair.write("end").bytes == 3);
    arrived += pair.heard();
    CHECK(arrived == std::string(taken, 'x') + "end");
  }

  TEST_CASE("TLS takes no more than a record at once") {
    Pair pair;
    REQUIRE(pair.shake_hands().state == State::Done);
    const std::size_t taken = pair.write(std::string(100'000, 'x')).bytes;
    CHECK(taken > 0);
    CHECK(taken <= 16'384);
  }

  TEST_CASE(
      "a failure of the handshake is TlsFailed, and one behind it is not: the request may have arrived") {
    Pair old{{.version = TLS1_2_VERSION, .wants_certificate = true}};
    const net::Progress refused = old.shake_hands();
    REQUIRE(refused.state == State::Failed);
    CHECK(refused.failure.kind == Kind::TlsFailed);
    CHECK(refused.failure.detail == "it asks for a client certificate: set cert_file and key_file");

    Pair pair{{.wants_certificate = true}};
    REQUIRE(pair.shake_hands().state == State::Done);
    REQUIRE(pair.write("SET").bytes == 3);
    CHECK(SSL_do_handshake(pair.server()) != 1);
    std::string said;
    const net::Progress ended = pair.read(said);
    REQUIRE(ended.state == State::Failed);
    CHECK(ended.failure.kind == Kind::Disconnected);
    CHECK(ended.failure.detail == "it asks for a client certificate: set cert_file and key_file");
  }

  TEST_CASE("a certificate for somebody else is refused, and its names are told") {
    Pair pair{{.host = "redis.example"}};
    const net::Progress refused = pair.shake_hands();
    REQUIRE(refused.state == State::Failed);
    CHECK(refused.failure.kind == Kind::TlsFailed);
    CHECK(refused.failure.detail ==
          "its certificate is for 'localhost', '127.0.0.1', '::1', not for 'redis.example': use that name in "
          "the URL, or "
          "as server_name");
  }

  TEST_CASE("a certificate is checked for an address as it is for a name") {
    for (const char* const good : {"127.0.0.1", "::1", "localhost", "LOCALHOST", "localhost.", "::1%lo"}) {
      CAPTURE(good);
      CHECK(Pair{{.host = good}}.shake_hands().state == State::Done);
    }
    for (const char* const bad : {"127.0.0.2", "::2", "ocalhost", "a.localhost"}) {
      CAPTURE(bad);
      CHECK(Pair{{.host = bad}}.shake_hands().failure.kind == Kind::TlsFailed);
    }
  }

  TEST_CASE("what is not TLS is told by how it begins") {
    struct Opening {
      std::string_view bytes;
      std::string_view words;
    };
    for (const Opening& opening :
         {Opening{"-ERR unknown command\r\n", "it speaks Redis without TLS on this port: use redis://"},
          Opening{"HTTP/1.1 400 Bad Request\r\n\r\n",
                  "it speaks HTTP and not TLS: is this the port of a web server?"},
          Opening{"\x1b]0;\r\n garbage", "it does not speak TLS: '\\x1b]0;\\r\\n garbage'"}}) {
      Pair pair;
      REQUIRE(pair.client().handshake().state == State::WantRead);
      write_all(pair.server_fd(), opening.bytes);
      const net::Progress ended = pair.client().handshake();
      REQUIRE(ended.state == State::Failed);
      CHECK(ended.failure.kind == Kind::TlsFailed);
      CHECK(ended.failure.detail == opening.words);
    }
  }

  TEST_CASE("garbage between the records of TLS ends the connection") {
    Pair pair;
    REQUIRE(pair.shake_hands().state == State::Done);
    REQUIRE(pair.write("PING").bytes == 4);
    REQUIRE(pair.heard() == "PING");
    write_all(pair.server_fd(), std::string_view{"\x17\x03\x03\0\x05hello garbage", 18});
    std::string said;
    net::Progress progress = pair.read(said);
    while (progress.state == State::Done) progress = pair.read(said);
    REQUIRE(progress.state == State::Failed);
    CHECK(progress.failure.kind == Kind::Disconnected);
    CHECK(said.empty());
  }

  TEST_CASE("a peer that goes is Ended, with a farewell or without, and costs no SIGPIPE") {
    for (const bool farewell : {true, false}) {
      CAPTURE(farewell);
      Pair pair;
      REQUIRE(pair.shake_hands().state == State::Done);
      REQUIRE(pair.write("PING").bytes == 4);
      REQUIRE(pair.heard() == "PING");
      if (farewell) SSL_shutdown(pair.server());
      pair.close_server();
      std::string said;
      CHECK(pair.read(said).state == State::Ended);
      CHECK(pair.write("PING").state == State::Failed);
    }
    Pair pair;
    REQUIRE(pair.client().handshake().state == State::WantRead);
    std::array<char, 4096> hello{};
    REQUIRE(recv(pair.server_fd(), hello.data(), hello.size(), 0) > 0);
    pair.close_server();
    CHECK(pair.client().handshake().state == State::Ended);
  }

  TEST_CASE("TLS says goodbye, unless the connection is abandoned") {
    Pair polite;
    REQUIRE(polite.shake_hands().state == State::Done);
    REQUIRE(polite.write("PING").bytes == 4);
    CHECK(polite.heard() == "PING");
    polite.drop_client();
    CHECK(polite.heard().empty());
    CHECK((SSL_get_shutdown(polite.server()) & SSL_RECEIVED_SHUTDOWN) != 0);

    Pair rude;
    REQUIRE(rude.shake_hands().state == State::Done);
    REQUIRE(rude.write("PING").bytes == 4);
    CHECK(rude.heard() == "PING");
    rude.client().abandon();
    rude.drop_client();
    CHECK(rude.heard().empty());
    CHECK((SSL_get_shutdown(rude.server()) & SSL_RECEIVED_SHUTDOWN) == 0);
  }
}

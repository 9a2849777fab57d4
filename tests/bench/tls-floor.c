// redlock-tls-floor CA_FILE PORT...: floor.c over TLS, and so what the cost of `redlock run x -- true` with rediss:// is
// measured against (tests/bench/run). The handshakes of all nodes run side by side in one poll(2) loop; each certificate
// is verified, for 127.0.0.1. Then one SET NX PX each, posix_spawn(3), one EVAL each. No fence, no checks of the nodes, no
// extension, no guard.
//
// Exit status: 0, or 1 without a quorum, 2 when called wrongly.
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kMaxNodes = 99, kTokenBytes = 20, kTimeoutMs = 1000 };

static const char kDelete[] =
    "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end return 0";

extern char** environ;

static struct pollfd nodes[kMaxNodes];
static SSL* sessions[kMaxNodes];
static bool asked[kMaxNodes];
static nfds_t node_count;

static void make_token(char* hex) {
  unsigned char bytes[kTokenBytes];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) exit(1);
  for (int i = 0; i < kTokenBytes; ++i) sprintf(hex + 2 * i, "%02x", bytes[i]);
}

static SSL_CTX* make_context(const char* ca_file) {
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == NULL || SSL_CTX_load_verify_file(context, ca_file) != 1) exit(1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_read_ahead(context, 1);
  return context;
}

static int begin_connecting(const char* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0 && errno != EINPROGRESS) exit(1);
  return fd;
}

static SSL* begin_session(SSL_CTX* context, int fd) {
  SSL* session = SSL_new(context);
  if (session == NULL || SSL_set_fd(session, fd) != 1) exit(1);
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), "127.0.0.1") != 1) exit(1);
  SSL_set_connect_state(session);
  return session;
}

// What poll(2) has to say before the step that returned `result` can be taken again.
static short wanted(const SSL* session, int result) {
  switch (SSL_get_error(session, result)) {
    case SSL_ERROR_WANT_READ: return POLLIN;
    case SSL_ERROR_WANT_WRITE: return POLLOUT;
    default: exit(1);
  }
}

// What a node says ends with `wanted_end`; before that may come the reply to the request before, unread so far.
static bool ends_with(const char* reply, int length, const char* end) {
  const int end_length = (int)strlen(end);
  return length >= end_length && memcmp(reply + length - end_length, end, (size_t)end_length) == 0;
}

// Goes on with the handshake, then with the request, then with the reply. True once the reply is there.
static bool go_on(nfds_t i, const char* request, int length, const char* reply_end) {
  int result = SSL_is_init_finished(sessions[i]) ? 1 : SSL_do_handshake(sessions[i]);
  if (result == 1 && !asked[i]) {
    result = SSL_write(sessions[i], request, length);
    asked[i] = result > 0;
  }
  char reply[64];
  while (result > 0) {  // once for each record
    result = SSL_read(sessions[i], reply, sizeof reply);
    if (result > 0 && ends_with(reply, result, reply_end)) {
      nodes[i].events = 0;
      return true;
    }
  }
  nodes[i].events = wanted(sessions[i], result);
  return false;
}

// Asks every node, until a quorum has answered with what ends with `reply_end`.
static bool ask_quorum(const char* request, int length, const char* reply_end) {
  nfds_t votes = 0;
  memset(asked, 0, sizeof asked);
  for (nfds_t i = 0; i < node_count; ++i) nodes[i].events = POLLOUT;
  while (votes < node_count / 2 + 1) {
    if (poll(nodes, node_count, kTimeoutMs) <= 0) return false;
    for (nfds_t i = 0; i < node_count; ++i) {
      if (nodes[i].revents != 0 && nodes[i].events != 0 && go_on(i, request, length, reply_end)) ++votes;
    }
  }
  return true;
}

int main(int argc, char** argv) {
  if (argc < 3 || argc > kMaxNodes + 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  char token[2 * kTokenBytes + 1];
  make_token(token);
  SSL_CTX* context = make_context(argv[1]);
  node_count = (nfds_t)(argc - 2);
  for (nfds_t i = 0; i < node_count; ++i) {
    nodes[i].fd = begin_connecting(argv[i + 2]);
    sessions[i] = begin_session(context, nodes[i].fd);
  }

  char request[512];
  int length =
      snprintf(request, sizeof request,
               "*6\r\n$3\r\nSET\r\n$5\r\nfloor\r\n$%zu\r\n%s\r\n$2\r\nNX\r\n$2\r\nPX\r\n$5\r\n30000\r\n",
               strlen(token), token);
  if (!ask_quorum(request, length, "+OK\r\n")) return 1;

  pid_t child;
  char* command[] = {"true", NULL};
  if (posix_spawnp(&child, command[0], NULL, NULL, command, environ) != 0) return 1;
  waitpid(child, NULL, 0);

  length = snprintf(request, sizeof request,
                    "*5\r\n$4\r\nEVAL\r\n$%zu\r\n%s\r\n$1\r\n1\r\n$5\r\nfloor\r\n$%zu\r\n%s\r\n",
                    strlen(kDelete), kDelete, strlen(token), token);
  return ask_quorum(request, length, ":1\r\n") ? 0 : 1;
}

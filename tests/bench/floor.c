// redlock-floor PORT...: the least that any program must do to run `true` under a lock of N Redis servers on
// loopback, and so what the cost of `redlock run x -- true` is measured against (tests/bench/run). One SET NX
// PX each, written as soon as its connection stands; a quorum of OKs; posix_spawn(3); one EVAL each that
// deletes what is ours; a quorum of replies. No fence, no checks of the nodes, no extension, no guard, and
// nothing is left to be done when a node fails.
//
// Exit status: 0, or 1 without a quorum, 2 when called wrongly.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
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
static nfds_t node_count;

static void make_token(char* hex) {
  unsigned char bytes[kTokenBytes];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) exit(1);
  for (int i = 0; i < kTokenBytes; ++i) sprintf(hex + 2 * i, "%02x", bytes[i]);
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

// What a node says ends with `wanted`; before that may come the reply to the request before, unread so far.
static bool answers(int fd, const char* wanted) {
  char reply[64];
  const ssize_t got = read(fd, reply, sizeof reply);
  const ssize_t length = (ssize_t)strlen(wanted);
  return got >= length && memcmp(reply + got - length, wanted, (size_t)length) == 0;
}

// Writes `request` to every node that can take it, until a quorum has answered with `wanted`.
static bool ask_quorum(const char* request, int length, const char* wanted) {
  nfds_t votes = 0;
  for (nfds_t i = 0; i < node_count; ++i) nodes[i].events = POLLOUT;
  while (votes < node_count / 2 + 1) {
    if (poll(nodes, node_count, kTimeoutMs) <= 0) return false;
    for (nfds_t i = 0; i < node_count; ++i) {
      if ((nodes[i].revents & POLLOUT) != 0) {
        if (write(nodes[i].fd, request, (size_t)length) != length) return false;
        nodes[i].events = POLLIN;
      } else if (nodes[i].revents != 0 && answers(nodes[i].fd, wanted)) {
        ++votes;
        nodes[i].events = 0;
      }
    }
  }
  return true;
}

int main(int argc, char** argv) {
  if (argc < 2 || argc > kMaxNodes + 1) return 2;
  char token[2 * kTokenBytes + 1];
  make_token(token);
  node_count = (nfds_t)(argc - 1);
  for (nfds_t i = 0; i < node_count; ++i) nodes[i].fd = begin_connecting(argv[i + 1]);

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

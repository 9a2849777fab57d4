/* A command that says when it ran: what the checker of tests/chaos believes.
 *
 *   recorder hold FILE MILLISECONDS [ignore-term] [child MILLISECONDS] [until NANOSECONDS] [write REDLOCK STORE]
 *   recorder append FILE
 *
 * "hold" writes the time (CLOCK_BOOTTIME, in ns) into FILE every 2 ms: that of its start, and the last one. A process that is
 * killed cannot say when, so its last time stands for its end. The time is read before it is written: it is never too late.
 *   ignore-term   only SIGKILL ends it
 *   child         leaves a process in a session of its own, which records in FILE.child for so long
 *   until         it stops at that time, whatever it was told before: the end of a lease that nobody else watches. If that is over
 *                 when it starts, it records nothing
 *   write         writes to the storage through `redlock fence STORE.fence`, again and again: a line of STORE each
 * "append" is the command of that `redlock fence`: it adds "TIME FENCE CLIENT" to FILE. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const long kTickNs = 2000000;
static const long long kWriteEveryNs = 100000000;

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_BOOTTIME, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static const char* variable(const char* name) {
  const char* value = getenv(name);
  return value == NULL ? "" : value;
}

static _Noreturn void fail(const char* what) {
  perror(what);
  exit(70);
}

/* The file begins with "first TIME\nlast TIME\ndone N\n", each number 20 digits wide, so that it can be written in place. */
static void put(int file, int line, long long value) {
  char text[32];
  const int length = snprintf(text, sizeof text, "%020lld", value);
  static const off_t places[] = {6, 32, 58};
  if (pwrite(file, text, (size_t)length, places[line]) != length) fail("recorder: pwrite");
}

static int begin(const char* path, const char* role, long long first) {
  char text[8192];
  const int length = snprintf(
      text, sizeof text,
      "first %020lld\nlast %020lld\ndone %020d\nrole %s\npid %d\ntoken %s\nfence %s\nslot %s\n", first, first,
      0, role, (int)getpid(), variable("REDLOCK_TOKEN"), variable("REDLOCK_FENCE"), variable("REDLOCK_SLOT"));
  const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 || write(file, text, (size_t)length) != length) fail(path);
  return file;
}

static void write_to_storage(const char* self, const char* redlock, const char* store) {
  char fence_file[PATH_MAX];
  snprintf(fence_file, sizeof fence_file, "%s.fence", store);
  const pid_t child = fork();
  if (child == 0) {
    execl(redlock, redlock, "fence", "-w", "1", fence_file, "--", self, "append", store, (char*)NULL);
    _exit(127);
  }
}

static void record(int file, long long until, const char* self, const char* redlock, const char* store) {
  long long next_write = now();
  for (;;) {
    const long long time = now();
    if (time >= until) break;
    put(file, 1, time);
    if (store != NULL && time >= next_write) {
      write_to_storage(self, redlock, store);
      next_write = time + kWriteEveryNs;
    }
    while (store != NULL && waitpid(-1, NULL, WNOHANG) > 0) continue;
    const struct timespec tick = {0, kTickNs};
    nanosleep(&tick, NULL);
  }
  while (store != NULL && (waitpid(-1, NULL, 0) > 0 || errno == EINTR)) continue;
  put(file, 2, 1);
}

static int hold(int argc, char** argv) {
  const char* path = argv[2];
  long long until = now() + atoll(argv[3]) * 1000000;
  long long child_ms = 0, lease_end = LLONG_MAX;
  const char *redlock = NULL, *store = NULL;
  for (int i = 4; i < argc; ++i) {
    if (strcmp(argv[i], "ignore-term") == 0) {
      signal(SIGTERM, SIG_IGN);
    } else if (strcmp(argv[i], "child") == 0 && i + 1 < argc) {
      child_ms = atoll(argv[++i]);
    } else if (strcmp(argv[i], "until") == 0 && i + 1 < argc) {
      lease_end = atoll(argv[++i]);
      if (lease_end < until) until = lease_end;
    } else if (strcmp(argv[i], "write") == 0 && i + 2 < argc) {
      redlock = argv[++i];
      store = argv[++i];
    } else {
      fprintf(stderr, "recorder: what is %s?\n", argv[i]);
      return 64;
    }
  }
  const long long first = now();
  if (first >= lease_end) return 0;
  const int file = begin(path, "command", first);
  if (child_ms > 0 && fork() == 0) {
    char child_path[PATH_MAX];
    setsid();
    close(file);
    snprintf(child_path, sizeof child_path, "%s.child", path);
    record(begin(child_path, "child", now()), now() + child_ms * 1000000, argv[0], NULL, NULL);
    return 0;
  }
  record(file, until, argv[0], redlock, store);
  return 0;
}

static int append(const char* path) {
  char line[256];
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int length =
      snprintf(line, sizeof line, "%lld %s %s\n", now(), variable("REDLOCK_FENCE"), variable("CHAOS_CLIENT"));
  if (file < 0 || write(file, line, (size_t)length) != length) fail(path);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "append") == 0) return append(argv[2]);
  if (argc >= 4 && strcmp(argv[1], "hold") == 0) return hold(argc, argv);
  fputs("recorder: see the top of recorder.c\n", stderr);
  return 64;
}

// redlock-laps COUNT COMMAND [ARG...]: runs a command COUNT times, one after the other, and prints how many nanoseconds
// each took, from just before it is started until it has been reaped. Exit status 1 if one failed.
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char** environ;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  for (int left = atoi(argv[1]); left > 0; --left) {
    pid_t child;
    int status = 0;
    const int64_t start = now();
    if (posix_spawnp(&child, argv[2], NULL, NULL, argv + 2, environ) != 0) return 1;
    if (waitpid(child, &status, 0) != child || status != 0) return 1;
    printf("%" PRId64 "\n", now() - start);
  }
  return 0;
}

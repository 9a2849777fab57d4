// redlock-laps COUNT COMMAND [ARG...]: runs a command COUNT times, one after the other, and prints how many nanoseconds
// each took, from just before it is started until it has been reaped. Exit status 1 if one failed. The command dies with
// this program.
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

__attribute__((noinline)) static pid_t start_command(char** command) {
  const pid_t child = vfork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execvp(command[0], command);
  _exit(127);
}

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int left = atoi(argv[1]); left > 0; --left) {
    int status = 0;
    const int64_t start = now();
    const pid_t child = start_command(argv + 2);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 1;
    printf("%" PRId64 "\n", now() - start);
  }
  return 0;
}

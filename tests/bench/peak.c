// redlock-peak COMMAND [ARG...]: runs a command and prints the peak resident memory, in KiB, of the largest
// process in it, and of all of its processes the page faults and the processor time in microseconds. A program of its own, and a small one: what a child counts begins with the size of the
// process that forked it.
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char** environ;

int main(int argc, char** argv) {
  pid_t child;
  int status = 0;
  if (argc < 2 || posix_spawnp(&child, argv[1], NULL, NULL, argv + 1, environ) != 0) return 2;
  if (waitpid(child, &status, 0) != child || status != 0) return 1;
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  const long seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
  const long microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  printf("%ld %ld %ld\n", usage.ru_maxrss, usage.ru_minflt, seconds * 1000000 + microseconds);
  return 0;
}

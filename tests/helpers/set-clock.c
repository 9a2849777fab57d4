/* LD_PRELOAD, for redis-server: SET_CLOCK names a file with the seconds by which its wall clock is off, read anew at each
 * look at the clock. The time of its start, time(2), is the true one. It asks the C library for nothing that an older one
 * has not, since it is loaded into servers of other releases, too. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  const int result = (int)syscall(SYS_gettimeofday, time, zone);
  const char* path = getenv("SET_CLOCK");
  FILE* file = path == NULL ? NULL : fopen(path, "re");
  if (file == NULL) return result;
  long off = 0;
  if (fscanf(file, "%ld", &off) == 1) time->tv_sec += off;
  fclose(file);
  return result;
}

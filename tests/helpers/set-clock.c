/* LD_PRELOAD, for redis-server: SET_CLOCK names a file with the seconds by which its wall clock is off, read anew at each
 * look at the clock. The time of its start, time(2), is the true one. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  static int (*real)(struct timeval*, void*);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "gettimeofday");
  const int result = real(time, zone);
  const char* path = getenv("SET_CLOCK");
  FILE* file = path == NULL ? NULL : fopen(path, "re");
  if (file == NULL) return result;
  long off = 0;
  if (fscanf(file, "%ld", &off) == 1) time->tv_sec += off;
  fclose(file);
  return result;
}

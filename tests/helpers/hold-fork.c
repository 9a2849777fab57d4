/* LD_PRELOAD: holds the first fork(2) of a process that is asked for in the environment, so that a test can act in
 * between, by a delay that it controls and not by luck. HOLD_FORK names a folder: "held" appears there when the process
 * is about to fork, and it goes on when the test has made "go". Gives up after 20 s. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

pid_t fork(void) {
  pid_t (*real)(void) = NULL;
  *(void**)&real = dlsym(RTLD_NEXT, "fork"); /* as dlopen(3) says to do it */
  const char* folder = getenv("HOLD_FORK");
  if (folder != NULL) {
    char held[4096];
    char go[4096];
    snprintf(held, sizeof held, "%s/held", folder);
    snprintf(go, sizeof go, "%s/go", folder);
    close(open(held, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    unsetenv("HOLD_FORK");
    for (int i = 0; i < 20000 && access(go, F_OK) != 0; ++i)
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return real();
}

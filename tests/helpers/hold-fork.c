/* LD_PRELOAD: holds redlock in the places where a command is about to start, so that a test can act in between, by a delay
 * that it controls and not by luck. Each variable names a folder: "held" appears there when the process comes to that
 * place, and it goes on when the test has made "go". Gives up after 20 s.
 *
 *   HOLD_FORK          the first fork(2): redlock, before there is a guard
 *   HOLD_COMMAND_FORK  the first _Fork(3): the guard, before there is a command
 *   HOLD_EXEC          the first execve(2): what is to become the command, as on a file system that hangs
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void hold(const char* place) {
  const char* folder = getenv(place);
  if (folder == NULL) return;
  char held[4096];
  char go[4096];
  snprintf(held, sizeof held, "%s/held", folder);
  snprintf(go, sizeof go, "%s/go", folder);
  close(open(held, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  unsetenv(place);
  for (int i = 0; i < 20000 && access(go, F_OK) != 0; ++i)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

pid_t fork(void) {
  pid_t (*real)(void) = NULL;
  *(void**)&real = dlsym(RTLD_NEXT, "fork"); /* as dlopen(3) says to do it */
  hold("HOLD_FORK");
  return real();
}

pid_t _Fork(void) {
  pid_t (*real)(void) = NULL;
  *(void**)&real = dlsym(RTLD_NEXT, "_Fork");
  hold("HOLD_COMMAND_FORK");
  return real();
}

int execve(const char* path, char* const argv[], char* const envp[]) {
  int (*real)(const char*, char* const[], char* const[]) = NULL;
  *(void**)&real = dlsym(RTLD_NEXT, "execve");
  hold("HOLD_EXEC");
  return real(path, argv, envp);
}

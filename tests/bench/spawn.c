// spawn [COMMAND]: starts the command and waits for it; without one, does nothing. What a guard and a leash cost is
// measured against the difference of the two.
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char** environ;

int main(int argc, char** argv) {
  if (argc < 2) return EXIT_SUCCESS;
  pid_t child = 0;
  if (posix_spawnp(&child, argv[1], NULL, NULL, argv + 1, environ) != 0) return EXIT_FAILURE;
  return waitpid(child, NULL, 0) == child ? EXIT_SUCCESS : EXIT_FAILURE;
}

// Loaded into redlock by LD_PRELOAD: a disk that cannot be synced. FAIL_SYNC names the call that fails: fsync or fdatasync.
// REPLACE_BY names a file that takes the place of REPLACE after the first fdatasync.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sync_or_fail(const char* name, long number, int fd) {
  const char* failing = getenv("FAIL_SYNC");
  if (failing == NULL || strcmp(failing, name) != 0) return (int)syscall(number, fd);
  errno = EIO;
  return -1;
}

int fsync(int fd) {
  return sync_or_fail("fsync", SYS_fsync, fd);
}

int fdatasync(int fd) {
  int result = sync_or_fail("fdatasync", SYS_fdatasync, fd);
  const char* by = getenv("REPLACE_BY");
  const char* replaced = getenv("REPLACE");
  if (by != NULL && replaced != NULL && access(by, F_OK) == 0 && rename(by, replaced) != 0) abort();
  return result;
}

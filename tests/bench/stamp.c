// redlock-stamp SOCKET LABEL [COMMAND [ARG...]]: says when it runs, to the nanosecond, and waits for a word. What the
// measurements of tests/bench/compare run under a lock.
//
// Its first instructions read CLOCK_MONOTONIC: before the C library has set itself up, which on a virtual machine, where
// each CPUID is a trap, takes longer than all else. Then it connects to SOCKET (a path), writes "LABEL TIME\n" and
// waits until something comes back or the other side closes. With its last breath it writes "TIME\n" again, the time at
// which it is about to end; or to become COMMAND, so that it is also the gate at which processes wait to be started.
//
// Linked statically: what a dynamic loader does is not what is measured.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

// The kernel enters here (tests/CMakeLists.txt), and the C library's own entry finds all as the kernel left it; of the
// registers it only reads rdx and rsp. Elsewhere main() is the first that we can have.
#if defined(__x86_64__)
struct timespec entered;
__asm__(
    ".globl redlock_stamp_entry\n"
    "redlock_stamp_entry:\n"
    "  mov %rdx, %rbx\n"
    "  mov $228, %eax\n"  // clock_gettime
    "  mov $1, %edi\n"    // CLOCK_MONOTONIC
    "  lea entered(%rip), %rsi\n"
    "  syscall\n"
    "  mov %rbx, %rdx\n"
    "  jmp _start\n");

static int64_t entry_time(void) {
  return entered.tv_sec * INT64_C(1000000000) + entered.tv_nsec;
}
#else
static int64_t entry_time(void) {
  return now();
}
#endif

int main(int argc, char** argv) {
  const int64_t start = entry_time();
  if (start == 0) return 70;  // linked without the entry
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc < 3 || strlen(argv[1]) >= sizeof address.sun_path) return 64;
  strcpy(address.sun_path, argv[1]);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) return 71;
  dprintf(fd, "%s %" PRId64 "\n", argv[2], start);
  char word;
  if (read(fd, &word, 1) != 1) return 70;  // whoever measures is gone
  dprintf(fd, "%" PRId64 "\n", now());
  if (argc == 3) _exit(0);
  execv(argv[3], argv + 3);
  return 127;
}

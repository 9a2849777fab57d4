/* LD_PRELOAD: a resolver of the test's own. FAKE_NAMES names a file of lines "NAME ADDRESS...", in the order in which
 * getaddrinfo(3) is to give them, or "NAME hangs", which never answers. It is read anew for each question, and each
 * question adds a line with its name to FAKE_NAMES.asked. Other names are not known. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char*, const char*, const struct addrinfo*, struct addrinfo**);

static void note(const char* file, const char* name) {
  char path[4096];
  snprintf(path, sizeof path, "%s.asked", file);
  FILE* asked = fopen(path, "ae");
  if (asked == NULL) return;
  fprintf(asked, "%s\n", name);
  fclose(asked);
}

/* The addresses of the line, one behind the other; freeaddrinfo(3) frees such a list. */
static int chain(resolver* real, char* addresses, const char* service, const struct addrinfo* hints,
                 struct addrinfo** found) {
  struct addrinfo numeric = *hints;
  numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  char* rest = NULL;
  for (char* next = strtok_r(addresses, " \n", &rest); next != NULL; next = strtok_r(NULL, " \n", &rest)) {
    if (strcmp(next, "hangs") == 0) {
      for (;;) pause();
    }
    const int error = real(next, service, &numeric, found);
    if (error != 0) return error;
    while (*found != NULL) found = &(*found)->ai_next;
  }
  return 0;
}

int getaddrinfo(const char* restrict name, const char* restrict service,
                const struct addrinfo* restrict hints, struct addrinfo** restrict found) {
  resolver* real = NULL;
  *(void**)&real = dlsym(RTLD_NEXT, "getaddrinfo"); /* as dlopen(3) says to do it */
  const char* path = getenv("FAKE_NAMES");
  if (path == NULL) return real(name, service, hints, found);
  note(path, name);
  FILE* file = fopen(path, "re");
  char line[4096];
  *found = NULL;
  int error = EAI_NONAME;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    char* rest = NULL;
    const char* known = strtok_r(line, " \n", &rest);
    if (known != NULL && strcmp(known, name) == 0) {
      error = chain(real, rest, service, hints, found);
      break;
    }
  }
  if (file != NULL) fclose(file);
  return error;
}

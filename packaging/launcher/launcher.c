// The program bin/vtepd of the archive and the packages: starts the Node.js that lies beside it, with the flags that vtepd wants
// of it, on vtepd's own entry file. Static, without a C++ library or a shell, so it starts wherever the kernel runs; the process
// becomes Node.js (exec). Where it lies is asked of the kernel, so a symbolic link to it works, and so does any folder.
// Must not: change the environment, which the programs that vtepd runs inherit. NODE_FLAGS comes from the build.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// "a", "b",  or nothing.
static const char *const kFlags[] = {NODE_FLAGS};
enum { kFlagCount = sizeof(kFlags) / sizeof(kFlags[0]) };

static int Fail(const char *what, const char *path, const char *why) {
  fprintf(stderr, "vtepd: %s%s: %s\n", what, path, why);
  return 127;
}

int main(int argc, char **argv) {
  char prefix[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", prefix, sizeof(prefix) - 1);
  if (length < 0) return Fail("cannot find its own folder", "", "/proc is not mounted");
  prefix[length] = '\0';
  // PREFIX/bin/vtepd
  for (int up = 0; up < 2; ++up) {
    char *slash = strrchr(prefix, '/');
    if (slash == NULL) return Fail("lies in no folder: ", prefix, "unpack the archive anew");
    *slash = '\0';
  }

  static char node[PATH_MAX + 64];
  static char entry[PATH_MAX + 64];
  snprintf(node, sizeof(node), "%s/lib/vtepd/node", prefix);
  snprintf(entry, sizeof(entry), "%s/lib/vtepd/dist/bin/vtepd.js", prefix);

  const char **words = calloc((size_t)argc + kFlagCount + 2, sizeof(*words));
  if (words == NULL) return Fail("cannot start", "", strerror(errno));
  size_t count = 0;
  words[count++] = node;
  for (size_t i = 0; i < kFlagCount; ++i) words[count++] = kFlags[i];
  words[count++] = entry;
  for (int i = 1; i < argc; ++i) words[count++] = argv[i];

  execv(node, (char *const *)words);
  const int error = errno;
  // The kernel says the same of a file that is missing and of one whose dynamic loader is.
  if (error == ENOENT && access(node, F_OK) == 0)
    return Fail("cannot start ", node, "this system has no glibc (2.28 or newer is needed; on musl install the npm package)");
  return Fail("cannot start ", node, error == ENOENT ? "it is missing: unpack the archive anew" : strerror(error));
}

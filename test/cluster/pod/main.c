// The one program of test/cluster's pods, static, so that an image needs nothing else: `pause` (also the sandbox's), `serve`; and on
// the test's side, in the network namespace of a pod or of a host: `ask`, `stream`.
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pod.h"

_Noreturn void Fail(const char *what) {
  perror(what);
  exit(1);
}

double NowMs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int Connect(int type, const char *address, const char *port) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } to = {0};
  int is_v6 = strchr(address, ':') != NULL;
  in_port_t number = htons((in_port_t)atoi(port));
  if (is_v6)
    to.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = number};
  else
    to.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = number};
  void *bytes = is_v6 ? (void *)&to.v6.sin6_addr : (void *)&to.v4.sin_addr;
  if (inet_pton(to.any.sa_family, address, bytes) != 1) Fail(address);
  int fd = socket(to.any.sa_family, type, 0);
  if (fd >= 0 && connect(fd, &to.any, is_v6 ? sizeof to.v6 : sizeof to.v4) == 0) return fd;
  int because = errno;
  if (fd >= 0) close(fd);
  errno = because;
  return -1;
}

static void Stop(int signal) {
  (void)signal;
  _exit(0);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "pause";
  if (strcmp(what, "ask") == 0) return Ask(argc - 2, argv + 2);
  if (strcmp(what, "stream") == 0) return Stream(argc - 2, argv + 2);
  // As process 1 it is spared every signal that it does not handle.
  signal(SIGTERM, Stop);
  signal(SIGINT, Stop);
  if (strcmp(what, "serve") == 0) Serve();
  for (;;) pause();
}

// One question to each of many, at the same time: a line `ADDRESS PORT ANSWER` each, or `ADDRESS PORT - WHY` where none came in time.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pod.h"

// A datagram that is lost is asked again: a neighbour may have to be resolved first.
enum { AGAIN_MS = 250 };

static int Answer(int type, const char *address, const char *port, double deadline, char *text, size_t size) {
  const char *question = type == SOCK_STREAM ? "GET / HTTP/1.0\r\n\r\n" : "?";
  int fd = Connect(type, address, port);
  if (fd < 0) return -1;
  for (;;) {
    double left = deadline - NowMs();
    if (left <= 0) break;
    if (send(fd, question, strlen(question), MSG_NOSIGNAL) < 0) return -1;
    struct pollfd one = {.fd = fd, .events = POLLIN};
    if (poll(&one, 1, type == SOCK_STREAM || left < AGAIN_MS ? (int)left + 1 : AGAIN_MS) > 0) {
      ssize_t got = recv(fd, text, size - 1, 0);
      if (got <= 0) return -1;
      text[got] = 0;
      return 0;
    }
    if (type == SOCK_STREAM) break;
  }
  errno = ETIMEDOUT;
  return -1;
}

static void AskOne(int type, const char *address, const char *port, double deadline) {
  char text[2048], line[2200];
  // A connection that hangs ends with the process.
  alarm((unsigned)((deadline - NowMs()) / 1000) + 1);
  if (Answer(type, address, port, deadline, text, sizeof text) < 0) {
    snprintf(line, sizeof line, "%s %s - %s\n", address, port, strerror(errno));
  } else {
    char *body = strstr(text, "\r\n\r\n");
    snprintf(line, sizeof line, "%s %s %s", address, port, body != NULL ? body + 4 : text);
  }
  if (write(STDOUT_FILENO, line, strlen(line)) < 0) _exit(1);
  _exit(0);
}

int Ask(int argc, char **argv) {
  if (argc < 4) Fail("ask MILLISECONDS udp|tcp ADDRESS PORT...");
  double deadline = NowMs() + atof(argv[0]);
  int type = strcmp(argv[1], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM;
  for (int i = 2; i + 1 < argc; i += 2)
    if (fork() == 0) AskOne(type, argv[i], argv[i + 1], deadline);
  while (wait(NULL) > 0) continue;
  return 0;
}

// What runs in the pods of test/cluster, and on its outside host. Answers on port 8080, over UDP and TCP, who it is and whose
// address it sees (`HOSTNAME ADDRESS`); on port 7 everything comes back, as long as a connection lasts.
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pod.h"

enum { ANSWER_PORT = 8080, ECHO_PORT = 7, SOCKETS = 4, LARGEST = 2048 };
// As much as the kernel gives: what waits while the machine is busy is not lost.
enum { ROOM = 1 << 24 };

static int Listen(int type, int port) {
  // Both families: an IPv4 address appears as ::ffff:a.b.c.d.
  int fd = socket(AF_INET6, type, 0), off = 0, on = 1, room = ROOM;
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (type == SOCK_DGRAM) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0) Fail("bind");
  if (type == SOCK_STREAM && listen(fd, 64) < 0) Fail("listen");
  return fd;
}

static int WhoAndWhom(char *text, size_t size, const struct sockaddr_in6 *peer) {
  char host[256] = "", address[INET6_ADDRSTRLEN] = "";
  gethostname(host, sizeof host - 1);
  inet_ntop(AF_INET6, &peer->sin6_addr, address, sizeof address);
  const char *plain = strncmp(address, "::ffff:", 7) == 0 ? address + 7 : address;
  return snprintf(text, size, "%s %s\n", host, plain);
}

static void ServeDatagram(int fd, int echo) {
  char bytes[LARGEST];
  struct sockaddr_in6 peer;
  socklen_t length = sizeof peer;
  ssize_t got = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&peer, &length);
  if (got < 0) return;
  if (!echo) got = WhoAndWhom(bytes, sizeof bytes, &peer);
  sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&peer, length);
}

static void ServeConnection(int listener, int echo) {
  char bytes[LARGEST];
  struct sockaddr_in6 peer;
  socklen_t length = sizeof peer;
  int fd = accept(listener, (struct sockaddr *)&peer, &length);
  if (fd < 0) return;
  if (fork() != 0) {
    close(fd);
    return;
  }
  ssize_t got = recv(fd, bytes, sizeof bytes, 0);
  if (echo) {
    for (; got > 0; got = recv(fd, bytes, sizeof bytes, 0))
      if (send(fd, bytes, (size_t)got, MSG_NOSIGNAL) < 0) break;
  } else if (got > 0) {
    int head = snprintf(bytes, sizeof bytes, "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n");
    int body = WhoAndWhom(bytes + head, sizeof bytes - (size_t)head, &peer);
    send(fd, bytes, (size_t)(head + body), MSG_NOSIGNAL);
  }
  _exit(0);
}

void Serve(void) {
  signal(SIGCHLD, SIG_IGN);
  struct pollfd fds[SOCKETS];
  for (int i = 0; i < SOCKETS; i++)
    fds[i] = (struct pollfd){.fd = Listen(i & 1 ? SOCK_STREAM : SOCK_DGRAM, i & 2 ? ECHO_PORT : ANSWER_PORT),
                             .events = POLLIN};
  for (;;) {
    if (poll(fds, SOCKETS, -1) < 0) continue;
    for (int i = 0; i < SOCKETS; i++)
      if (fds[i].revents & POLLIN) (i & 1 ? ServeConnection : ServeDatagram)(fds[i].fd, i & 2);
  }
}

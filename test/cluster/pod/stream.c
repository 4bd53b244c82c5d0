// A steady stream of numbered questions to port 7, over one socket, and what became of them, as one line of JSON at SIGTERM. What is
// still on its way then has a second to come.
#include <errno.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pod.h"

static volatile sig_atomic_t stopped;

static void Stop(int signal) {
  (void)signal;
  stopped = 1;
}

struct Tally {
  uint64_t sent, received, bytes;
  double last_ms, longest_gap_ms, after_gap_ms;
  // An errno that ended a connection; a datagram that is refused is one that is lost.
  int failed;
  int connected;
};

static void Receive(int fd, struct Tally *tally) {
  char bytes[4096];
  ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got <= 0) {
    if (tally->connected && (got == 0 || (errno != EAGAIN && errno != EINTR))) tally->failed = got == 0 ? EPIPE : errno;
    return;
  }
  double now = NowMs();
  if (now - tally->last_ms > tally->longest_gap_ms) {
    tally->longest_gap_ms = now - tally->last_ms;
    tally->after_gap_ms = now;
  }
  tally->last_ms = now;
  tally->bytes += (uint64_t)got;
  tally->received = tally->bytes / sizeof(uint64_t);
}

static void Send(int fd, struct Tally *tally) {
  uint64_t number = tally->sent++;
  if (send(fd, &number, sizeof number, MSG_NOSIGNAL) < 0 && tally->connected) tally->failed = errno;
}

// Segments that were sent again, but for those that had arrived all the same, as the receiver tells: a machine that is busy answers late.
static unsigned Lost(int fd) {
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return 0;
  return info.tcpi_total_retrans > info.tcpi_dsack_dups ? info.tcpi_total_retrans - info.tcpi_dsack_dups : 0;
}

int Stream(int argc, char **argv) {
  if (argc < 4) Fail("stream MILLISECONDS udp|tcp ADDRESS PORT");
  double every = atof(argv[0]);
  int type = strcmp(argv[1], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM;
  int fd = Connect(type, argv[2], argv[3]);
  if (fd < 0) Fail(argv[2]);
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // As much as the kernel gives: what waits while the machine is busy is not lost.
  int room = 1 << 24;
  if (type == SOCK_DGRAM) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  signal(SIGTERM, Stop);
  signal(SIGINT, Stop);
  struct Tally tally = {.last_ms = NowMs(), .connected = type == SOCK_STREAM};
  double next = NowMs(), end = 0;
  while (end == 0 || (NowMs() < end && tally.received < tally.sent && tally.failed == 0)) {
    double now = NowMs();
    if (stopped && end == 0) end = now + 1000;
    if (end == 0 && now >= next) {
      Send(fd, &tally);
      next += every;
    }
    struct pollfd one = {.fd = fd, .events = POLLIN};
    if (poll(&one, 1, 1) > 0) Receive(fd, &tally);
  }
  printf("{\"sent\":%llu,\"received\":%llu,\"longestGapMs\":%.1f,\"afterGapMs\":%.0f,\"lost\":%u,\"error\":\"%s\"}\n",
         (unsigned long long)tally.sent, (unsigned long long)tally.received, tally.longest_gap_ms, tally.after_gap_ms, Lost(fd),
         tally.failed == 0 ? "" : strerror(tally.failed));
  return 0;
}

// What N permanent neighbours cost a C program that does nothing else: the limit that bench/neighbours.ts holds the
// addon against. Same messages, same order, same chunks, one acknowledgement a chunk. Prints nanoseconds from the first
// byte encoded to the last answer read. Must not: share code with native/.
//
//   neighbours IFINDEX COUNT CHUNK     in the network namespace that it is started in
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct message {
  struct nlmsghdr header;
  struct ndmsg neighbour;
  struct nlattr dst_header;
  uint8_t dst[4];
  struct nlattr lladdr_header;
  uint8_t lladdr[6], lladdr_padding[2];
  struct nlattr protocol_header;
  uint8_t protocol, protocol_padding[3];
};

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void write_message(struct message* m, uint32_t number, int ifindex) {
  memset(m, 0, sizeof(*m));
  m->header = (struct nlmsghdr){sizeof(*m), RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE, number + 1, 0};
  m->neighbour.ndm_family = AF_INET;
  m->neighbour.ndm_ifindex = ifindex;
  m->neighbour.ndm_state = NUD_PERMANENT;
  m->dst_header = (struct nlattr){8, NDA_DST};
  m->dst[0] = 10;
  m->dst[1] = (uint8_t)(64 + (number >> 16));
  m->dst[2] = (uint8_t)(number >> 8);
  m->dst[3] = (uint8_t)number;
  m->lladdr_header = (struct nlattr){10, NDA_LLADDR};
  m->lladdr[0] = 0x0e;
  memcpy(m->lladdr + 2, m->dst, 4);
  m->protocol_header = (struct nlattr){5, NDA_PROTOCOL};
  m->protocol = 118;
}

// Reads answers until the message with this sequence number is acknowledged. Any refusal ends the program.
static void await_ack(int fd, uint32_t last) {
  static char in[1 << 16];
  for (;;) {
    const ssize_t size = recv(fd, in, sizeof(in), 0);
    if (size < 0) fail("recv");
    size_t left = (size_t)size;
    for (struct nlmsghdr* m = (struct nlmsghdr*)in; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type != NLMSG_ERROR) continue;
      const int error = ((struct nlmsgerr*)NLMSG_DATA(m))->error;
      if (error != 0) {
        fprintf(stderr, "message %u: %s\n", m->nlmsg_seq, strerror(-error));
        exit(1);
      }
      if (m->nlmsg_seq == last) return;
    }
  }
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "neighbours IFINDEX COUNT CHUNK\n");
    return 2;
  }
  const int ifindex = atoi(argv[1]);
  const uint32_t count = (uint32_t)atoi(argv[2]);
  const uint32_t chunk = (uint32_t)atoi(argv[3]);
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  const int one = 1;
  const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  if (fd < 0 || bind(fd, (const struct sockaddr*)&any, sizeof(any)) != 0) fail("socket");
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
  struct message* const out = calloc(chunk, sizeof(*out));
  if (out == NULL) fail("calloc");

  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (uint32_t next = 0; next < count;) {
    uint32_t filled = 0;
    for (; filled < chunk && next < count; ++filled, ++next) write_message(&out[filled], next, ifindex);
    out[filled - 1].header.nlmsg_flags |= NLM_F_ACK;
    if (send(fd, out, filled * sizeof(*out), 0) < 0) fail("send");
    await_ack(fd, next);
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%lld\n", (long long)(end.tv_sec - start.tv_sec) * 1000000000 + (end.tv_nsec - start.tv_nsec));
  return 0;
}

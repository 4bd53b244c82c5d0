// The least netlink that a benchmark needs: a socket in a namespace, and one message from one packed entry (lib/addon/abi.ts
// says what stands where in its 48 bytes). Must not: be clever; what this costs is what the kernel asks for.
#ifndef VTEPD_BENCH_LIMIT_NETLINK_H_
#define VTEPD_BENCH_LIMIT_NETLINK_H_

#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KIND_NEIGHBOUR = 1, KIND_FDB = 2, KIND_ROUTE = 3, OP_REPLACE = 1, OP_DELETE = 2, ONLINK = 1, GATEWAY = 2 };

struct entry {
  uint8_t op, kind, family, dst_length;
  uint8_t dst[16];
  uint32_t priority;
  uint8_t via[16];
  uint32_t ifindex;
  uint8_t protocol, type, scope, flags;
};
_Static_assert(sizeof(struct entry) == 48, "an entry has 48 bytes");

static inline void fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static inline uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// User and system time of this process.
static inline uint64_t cpu_ns(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

// The most kB that were resident since this program began. (ru_maxrss of getrusage would count whoever started it.)
static inline unsigned long peak_kb(void) {
  FILE* const file = fopen("/proc/self/status", "r");
  char line[256];
  unsigned long peak = 0;
  while (file != NULL && fgets(line, sizeof(line), file) != NULL)
    if (sscanf(line, "VmHWM: %lu", &peak) == 1) break;
  if (file != NULL) fclose(file);
  return peak;
}

// What every program here prints at its end.
static inline void print_figures(uint64_t wall_ns, uint64_t used_ns, uint32_t count) {
  printf("%llu %llu %u %lu\n", (unsigned long long)wall_ns, (unsigned long long)used_ns, count, peak_kb());
}

static inline void enter(const char* netns) {
  const int fd = open(netns, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) fail(netns);
  close(fd);
}

// With extended and capped acknowledgements and strict dumps, as vtepd's own socket has them.
static inline int open_socket(void) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  const int on = 1;
  if (fd < 0 || bind(fd, (const struct sockaddr*)&address, sizeof(address)) != 0) fail("netlink socket");
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
  return fd;
}

static inline void put(struct nlmsghdr* message, uint16_t type, const void* data, size_t size) {
  struct rtattr* const attribute = (struct rtattr*)((char*)message + NLMSG_ALIGN(message->nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = (uint16_t)RTA_LENGTH(size);
  memcpy(RTA_DATA(attribute), data, size);
  message->nlmsg_len = (uint32_t)(NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

static inline size_t address_bytes(uint8_t family) { return family == AF_INET ? 4 : 16; }

// Writes the request at `at`, zeroed before, and returns its length.
static inline uint32_t encode(void* at, const struct entry* entry, uint32_t sequence, uint16_t flags) {
  struct nlmsghdr* const message = at;
  const int is_delete = entry->op == OP_DELETE;
  message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags | (is_delete ? 0 : NLM_F_CREATE | NLM_F_REPLACE));
  message->nlmsg_seq = sequence;
  if (entry->kind == KIND_ROUTE) {
    struct rtmsg* const route = NLMSG_DATA(message);
    message->nlmsg_type = is_delete ? RTM_DELROUTE : RTM_NEWROUTE;
    message->nlmsg_len = NLMSG_LENGTH(sizeof(*route));
    route->rtm_family = entry->family;
    route->rtm_dst_len = entry->dst_length;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = entry->protocol;
    route->rtm_type = entry->type;
    route->rtm_scope = is_delete ? RT_SCOPE_NOWHERE : entry->scope;
    route->rtm_flags = !is_delete && (entry->flags & ONLINK) ? RTNH_F_ONLINK : 0;
    put(message, RTA_DST, entry->dst, address_bytes(entry->family));
    if (entry->flags & GATEWAY) put(message, RTA_GATEWAY, entry->via, address_bytes(entry->family));
    put(message, RTA_OIF, &entry->ifindex, sizeof(entry->ifindex));
    if (entry->priority != 0) put(message, RTA_PRIORITY, &entry->priority, sizeof(entry->priority));
    return message->nlmsg_len;
  }
  struct ndmsg* const neighbour = NLMSG_DATA(message);
  message->nlmsg_type = is_delete ? RTM_DELNEIGH : RTM_NEWNEIGH;
  message->nlmsg_len = NLMSG_LENGTH(sizeof(*neighbour));
  neighbour->ndm_family = entry->kind == KIND_FDB ? AF_BRIDGE : entry->family;
  neighbour->ndm_ifindex = (int)entry->ifindex;
  neighbour->ndm_state = entry->type;
  neighbour->ndm_flags = entry->scope;
  if (entry->kind == KIND_FDB) {
    put(message, NDA_LLADDR, entry->dst, 6);
    put(message, NDA_DST, entry->via, address_bytes(entry->family));
    return message->nlmsg_len;
  }
  put(message, NDA_DST, entry->dst, address_bytes(entry->family));
  if (!is_delete) {
    put(message, NDA_LLADDR, entry->via, 6);
    if (entry->protocol != 0) put(message, NDA_PROTOCOL, &entry->protocol, 1);
  }
  return message->nlmsg_len;
}

// Reads one datagram; returns its length.
static inline size_t receive(int fd, void* buffer, size_t size) {
  const ssize_t got = recv(fd, buffer, size, 0);
  if (got < 0) fail("receive");
  return (size_t)got;
}

#endif

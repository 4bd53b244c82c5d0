// What reading the three tables back costs a C program that only counts: the limit of everything that looks before it acts.
// Prints nanoseconds, nanoseconds of CPU time, how many entries were read, and the most kB that were resident.
//
//   dump NETNS FAMILY IFINDEX...   neighbours and FDB of the link, then the main route table; for each pair
#include "netlink.h"

static char in[1 << 16];

static uint32_t dump(int fd, uint16_t type, const void* header, size_t size, uint16_t attribute, uint32_t value) {
  static uint32_t sequence = 0;
  char out[256] = {0};
  struct nlmsghdr* const request = (struct nlmsghdr*)out;
  request->nlmsg_type = type;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = ++sequence;
  request->nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
  memcpy(NLMSG_DATA(request), header, size);
  put(request, attribute, &value, sizeof(value));
  if (send(fd, out, request->nlmsg_len, 0) < 0) fail("send");
  for (uint32_t count = 0;;) {
    size_t left = receive(fd, in, sizeof(in));
    for (struct nlmsghdr* m = (struct nlmsghdr*)in; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type == NLMSG_DONE) return count;
      if (m->nlmsg_type == NLMSG_ERROR) {
        errno = -((struct nlmsgerr*)NLMSG_DATA(m))->error;
        fail("dump");
      }
      count += 1;
    }
  }
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: dump NETNS FAMILY IFINDEX...\n");
    return 2;
  }
  enter(argv[1]);
  const int fd = open_socket();
  uint32_t count = 0;
  const uint64_t used = cpu_ns();
  const uint64_t started = now_ns();
  for (int i = 2; i + 1 < argc; i += 2) {
    const uint8_t family = strcmp(argv[i], "ipv6") == 0 ? AF_INET6 : AF_INET;
    const uint32_t ifindex = (uint32_t)atoi(argv[i + 1]);
    const struct ndmsg neighbours = {.ndm_family = family};
    const struct ndmsg fdb = {.ndm_family = AF_BRIDGE};
    const struct rtmsg routes = {.rtm_family = family};
    count += dump(fd, RTM_GETNEIGH, &neighbours, sizeof(neighbours), NDA_IFINDEX, ifindex);
    count += dump(fd, RTM_GETNEIGH, &fdb, sizeof(fdb), NDA_IFINDEX, ifindex);
    count += dump(fd, RTM_GETROUTE, &routes, sizeof(routes), RTA_TABLE, RT_TABLE_MAIN);
  }
  const uint64_t ended = now_ns();
  print_figures(ended - started, cpu_ns() - used, count);
  return 0;
}

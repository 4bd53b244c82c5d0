// What reading a whole table into values costs a C program: every message decoded into a struct of an array that grows. It reads
// the table twice, and the second time counts, as with every contender.
// Prints nanoseconds, nanoseconds of CPU time, how many values there were, and the most kB that were resident.
//
//   values routes|links NETNS                 the main IPv4 table; all links
//   values neighbours|fdb NETNS IFINDEX       of one link
#include <linux/if_link.h>
#include <net/if.h>

#include "netlink.h"

struct route {
  uint8_t dst[16], gateway[16];
  uint32_t table, priority, oif;
  uint8_t dst_length, protocol, type, scope;
};

struct link {
  uint32_t ifindex, flags, mtu, tx_queue_length, master, parent;
  char name[IF_NAMESIZE], kind[32];
  uint8_t lladdr[8];
};

struct neighbour {
  uint8_t dst[16], lladdr[8];
  uint32_t ifindex;
  uint16_t state;
  uint8_t flags, protocol;
};

static char in[1 << 16];
static char* values;
static size_t value_size, count, capacity;

static void* next_value(void) {
  if (count == capacity) {
    capacity = capacity == 0 ? 1024 : capacity * 2;
    values = realloc(values, capacity * value_size);
    if (values == NULL) fail("memory");
  }
  return memset(values + count++ * value_size, 0, value_size);
}

static void copy(void* to, size_t room, const struct rtattr* attribute) {
  const size_t size = RTA_PAYLOAD(attribute);
  memcpy(to, RTA_DATA(attribute), size < room ? size : room);
}

static void read_route(const struct nlmsghdr* message) {
  const struct rtmsg* const header = NLMSG_DATA(message);
  struct route* const route = next_value();
  route->dst_length = header->rtm_dst_len;
  route->protocol = header->rtm_protocol;
  route->type = header->rtm_type;
  route->scope = header->rtm_scope;
  size_t left = RTM_PAYLOAD(message);
  for (const struct rtattr* a = RTM_RTA(header); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == RTA_DST) copy(route->dst, sizeof(route->dst), a);
    if (a->rta_type == RTA_GATEWAY) copy(route->gateway, sizeof(route->gateway), a);
    if (a->rta_type == RTA_TABLE) copy(&route->table, sizeof(route->table), a);
    if (a->rta_type == RTA_PRIORITY) copy(&route->priority, sizeof(route->priority), a);
    if (a->rta_type == RTA_OIF) copy(&route->oif, sizeof(route->oif), a);
  }
}

static void read_link(const struct nlmsghdr* message) {
  const struct ifinfomsg* const header = NLMSG_DATA(message);
  struct link* const link = next_value();
  link->ifindex = (uint32_t)header->ifi_index;
  link->flags = header->ifi_flags;
  size_t left = IFLA_PAYLOAD(message);
  for (const struct rtattr* a = IFLA_RTA(header); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == IFLA_IFNAME) copy(link->name, sizeof(link->name) - 1, a);
    if (a->rta_type == IFLA_ADDRESS) copy(link->lladdr, sizeof(link->lladdr), a);
    if (a->rta_type == IFLA_MTU) copy(&link->mtu, sizeof(link->mtu), a);
    if (a->rta_type == IFLA_TXQLEN) copy(&link->tx_queue_length, sizeof(link->tx_queue_length), a);
    if (a->rta_type == IFLA_MASTER) copy(&link->master, sizeof(link->master), a);
    if (a->rta_type == IFLA_LINK) copy(&link->parent, sizeof(link->parent), a);
    if (a->rta_type != IFLA_LINKINFO) continue;
    size_t within = RTA_PAYLOAD(a);
    for (const struct rtattr* b = RTA_DATA(a); RTA_OK(b, within); b = RTA_NEXT(b, within))
      if (b->rta_type == IFLA_INFO_KIND) copy(link->kind, sizeof(link->kind) - 1, b);
  }
}

static void read_neighbour(const struct nlmsghdr* message) {
  const struct ndmsg* const header = NLMSG_DATA(message);
  struct neighbour* const neighbour = next_value();
  neighbour->ifindex = (uint32_t)header->ndm_ifindex;
  neighbour->state = header->ndm_state;
  neighbour->flags = header->ndm_flags;
  size_t left = NLMSG_PAYLOAD(message, sizeof(*header));
  const struct rtattr* a = (const struct rtattr*)((const char*)header + NLMSG_ALIGN(sizeof(*header)));
  for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == NDA_DST) copy(neighbour->dst, sizeof(neighbour->dst), a);
    if (a->rta_type == NDA_LLADDR) copy(neighbour->lladdr, sizeof(neighbour->lladdr), a);
    if (a->rta_type == NDA_PROTOCOL) copy(&neighbour->protocol, 1, a);
  }
}

struct table {
  const char* name;
  uint16_t type;
  uint8_t family;
  size_t header_size, value_size;
  // What the kernel filters by, and the value where it is not a link's.
  uint16_t attribute;
  uint32_t value;
  void (*read)(const struct nlmsghdr*);
};

static const struct table TABLES[] = {
    {"routes", RTM_GETROUTE, AF_INET, sizeof(struct rtmsg), sizeof(struct route), RTA_TABLE, RT_TABLE_MAIN, read_route},
    {"links", RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), sizeof(struct link), 0, 0, read_link},
    {"neighbours", RTM_GETNEIGH, AF_INET, sizeof(struct ndmsg), sizeof(struct neighbour), NDA_IFINDEX, 0, read_neighbour},
    {"fdb", RTM_GETNEIGH, AF_BRIDGE, sizeof(struct ndmsg), sizeof(struct neighbour), NDA_IFINDEX, 0, read_neighbour},
};

static void dump(int fd, const struct table* table, uint32_t ifindex) {
  char out[256] = {0};
  struct nlmsghdr* const request = (struct nlmsghdr*)out;
  request->nlmsg_type = table->type;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_len = (uint32_t)NLMSG_LENGTH(table->header_size);
  *(uint8_t*)NLMSG_DATA(request) = table->family;
  const uint32_t value = table->value != 0 ? table->value : ifindex;
  if (table->attribute != 0) put(request, table->attribute, &value, sizeof(value));
  if (send(fd, out, request->nlmsg_len, 0) < 0) fail("send");
  free(values);
  values = NULL;
  count = capacity = 0;
  value_size = table->value_size;
  for (;;) {
    size_t left = receive(fd, in, sizeof(in));
    for (struct nlmsghdr* m = (struct nlmsghdr*)in; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type == NLMSG_DONE) return;
      if (m->nlmsg_type == NLMSG_ERROR) {
        errno = -((struct nlmsgerr*)NLMSG_DATA(m))->error;
        fail("dump");
      }
      table->read(m);
    }
  }
}

int main(int argc, char** argv) {
  const struct table* table = NULL;
  for (size_t i = 0; argc >= 3 && i < sizeof(TABLES) / sizeof(*TABLES); i += 1)
    if (strcmp(TABLES[i].name, argv[1]) == 0) table = &TABLES[i];
  if (table == NULL || (table->attribute == NDA_IFINDEX && table->value == 0 && argc != 4)) {
    fprintf(stderr, "usage: values routes|links NETNS, values neighbours|fdb NETNS IFINDEX\n");
    return 2;
  }
  enter(argv[2]);
  const int fd = open_socket();
  const uint32_t ifindex = argc > 3 ? (uint32_t)atoi(argv[3]) : 0;
  dump(fd, table, ifindex);
  const uint64_t used = cpu_ns();
  const uint64_t started = now_ns();
  dump(fd, table, ifindex);
  print_figures(now_ns() - started, cpu_ns() - used, (uint32_t)count);
  return 0;
}

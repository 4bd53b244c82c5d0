// Somebody else on the same tables: writes the entries of a file again and again, as fast as the kernel takes them or one
// every so often, until the time is over. Prints nanoseconds, nanoseconds of CPU time, and how many entries were accepted.
//
//   disturb NETNS FILE MILLISECONDS EVERY_US    EVERY_US 0: chunks of 256 messages without a pause
#include <poll.h>
#include <sys/stat.h>

#include "netlink.h"

enum { CHUNK = 256, BUFFER = 1 << 16 };

static char out[BUFFER];
static char in[BUFFER];

// Reads until the message with sequence `last` was answered; returns how many were refused. Answers may be lost.
static uint32_t refusals(int fd, uint32_t last) {
  uint32_t refused = 0;
  for (struct pollfd readable = {.fd = fd, .events = POLLIN}; poll(&readable, 1, 1000) > 0;) {
    const ssize_t got = recv(fd, in, sizeof(in), 0);
    if (got < 0 && errno == ENOBUFS) continue;
    if (got < 0) fail("receive");
    size_t size = (size_t)got;
    for (struct nlmsghdr* m = (struct nlmsghdr*)in; NLMSG_OK(m, size); m = NLMSG_NEXT(m, size)) {
      if (m->nlmsg_type != NLMSG_ERROR) continue;
      if (((struct nlmsgerr*)NLMSG_DATA(m))->error != 0) refused += 1;
      if (m->nlmsg_seq == last) return refused;
    }
  }
  return refused;
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: disturb NETNS FILE MILLISECONDS EVERY_US\n");
    return 2;
  }
  enter(argv[1]);
  const int file = open(argv[2], O_RDONLY | O_CLOEXEC);
  struct stat about;
  if (file < 0 || fstat(file, &about) != 0) fail(argv[2]);
  const size_t size = (size_t)about.st_size;
  struct entry* const entries = malloc(size + 1);
  if (entries == NULL || read(file, entries, size) != (ssize_t)size) fail(argv[2]);
  const uint32_t count = (uint32_t)(size / sizeof(*entries));
  const uint64_t every = strtoull(argv[4], NULL, 10) * 1000;
  const uint32_t chunk = every == 0 ? CHUNK : 1;

  const int fd = open_socket();
  const uint64_t used = cpu_ns();
  const uint64_t started = now_ns();
  const uint64_t until = started + strtoull(argv[3], NULL, 10) * 1000000;
  uint64_t accepted = 0;
  uint32_t sequence = 0;
  for (uint32_t next = 0; count > 0 && now_ns() < until; next %= count) {
    const uint32_t end = next + chunk < count ? next + chunk : count;
    const uint32_t sent = end - next;
    size_t length = 0;
    memset(out, 0, sizeof(out));
    for (; next < end; next += 1)
      length += encode(out + length, &entries[next], ++sequence, next + 1 == end ? NLM_F_ACK : 0);
    if (send(fd, out, length, 0) != (ssize_t)length) fail("send");
    const uint32_t refused = refusals(fd, sequence);
    accepted += sent - (refused < sent ? refused : sent);
    if (every == 0) continue;
    const struct timespec pause = {.tv_sec = (time_t)(every / 1000000000), .tv_nsec = (long)(every % 1000000000)};
    nanosleep(&pause, NULL);
  }
  printf("%llu %llu %llu\n", (unsigned long long)(now_ns() - started), (unsigned long long)(cpu_ns() - used),
         (unsigned long long)accepted);
  return 0;
}

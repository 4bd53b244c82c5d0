// What programming a file of packed entries costs a C program: the limit that every other contender is held against, and
// the pattern that most of them follow. Prints nanoseconds, nanoseconds of CPU time, how many entries were refused, and the most
// kB that were resident.
//
//   entries batch NETNS FILE    one socket, chunks of 256 messages, the last of a chunk acknowledged
//   entries single NETNS FILE   a socket of its own and an acknowledgement for each entry
//
// The time runs from the first byte encoded to the last answer; reading the file and starting the process are outside.
#include <sys/stat.h>

#include "netlink.h"

enum { CHUNK = 256, BUFFER = 1 << 16 };

static char out[BUFFER];
static char in[BUFFER];

// Counts the refusals; returns whether the message with sequence `last` was answered.
static int read_answers(int fd, uint32_t last, uint32_t* refused) {
  size_t size = receive(fd, in, sizeof(in));
  int ended = 0;
  for (struct nlmsghdr* m = (struct nlmsghdr*)in; NLMSG_OK(m, size); m = NLMSG_NEXT(m, size)) {
    if (m->nlmsg_type != NLMSG_ERROR) continue;
    if (((struct nlmsgerr*)NLMSG_DATA(m))->error != 0) *refused += 1;
    if (m->nlmsg_seq == last) ended = 1;
  }
  return ended;
}

static uint32_t run_batch(const struct entry* entries, uint32_t count) {
  const int fd = open_socket();
  uint32_t refused = 0;
  for (uint32_t next = 0; next < count;) {
    const uint32_t end = next + CHUNK < count ? next + CHUNK : count;
    size_t used = 0;
    memset(out, 0, sizeof(out));
    for (; next < end; next += 1)
      used += encode(out + used, &entries[next], next + 1, next + 1 == end ? NLM_F_ACK : 0);
    if (send(fd, out, used, 0) != (ssize_t)used) fail("send");
    while (!read_answers(fd, end, &refused)) continue;
  }
  close(fd);
  return refused;
}

static uint32_t run_single(const struct entry* entries, uint32_t count) {
  uint32_t refused = 0;
  for (uint32_t i = 0; i < count; i += 1) {
    const int fd = open_socket();
    memset(out, 0, 256);
    const uint32_t size = encode(out, &entries[i], i + 1, NLM_F_ACK);
    if (send(fd, out, size, 0) != (ssize_t)size) fail("send");
    while (!read_answers(fd, i + 1, &refused)) continue;
    close(fd);
  }
  return refused;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: entries batch|single NETNS FILE\n");
    return 2;
  }
  enter(argv[2]);
  const int fd = open(argv[3], O_RDONLY | O_CLOEXEC);
  struct stat file;
  if (fd < 0 || fstat(fd, &file) != 0) fail(argv[3]);
  const size_t size = (size_t)file.st_size;
  struct entry* const entries = malloc(size + 1);
  if (entries == NULL || read(fd, entries, size) != (ssize_t)size) fail(argv[3]);
  const uint32_t count = (uint32_t)(size / sizeof(*entries));

  const uint64_t used = cpu_ns();
  const uint64_t started = now_ns();
  const uint32_t refused = argv[1][0] == 'b' ? run_batch(entries, count) : run_single(entries, count);
  const uint64_t ended = now_ns();
  print_figures(ended - started, cpu_ns() - used, refused);
  return 0;
}

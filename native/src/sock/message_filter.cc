#include "sock/message_filter.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace vtepd::sock {

namespace {

// BPF loads are big-endian while netlink is in host order, so it is the constants that are swapped.
uint32_t Type(uint16_t value) { return uint32_t{htons(value)}; }

template <size_t kLength>
int Attach(int fd, std::array<sock_filter, kLength>* program) {
  const sock_fprog filter{static_cast<uint16_t>(kLength), program->data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0 ? 0 : errno;
}

}  // namespace

int AttachOwnMessageFilter(int fd, uint32_t port_id) {
  std::array<sock_filter, 9> program{{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Type(RTM_NEWNEIGH), 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Type(RTM_DELNEIGH), 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Type(RTM_NEWROUTE), 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Type(RTM_DELROUTE), 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port_id), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  return Attach(fd, &program);
}

int AttachEntryFilter(int fd) {
  std::array<sock_filter, 7> program{{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Type(RTM_NEWNEIGH), 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Type(RTM_DELNEIGH), 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Type(RTM_NEWROUTE), 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, Type(RTM_DELROUTE), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  return Attach(fd, &program);
}

int DetachFilter(int fd) {
  const int unused = 0;
  const int done = setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
  return done == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace vtepd::sock

#include "sock/own_message_filter.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace vtepd::sock {

int AttachOwnMessageFilter(int fd, uint32_t port_id) {
  // BPF loads are big-endian while netlink is in host order, so it is the constants that are swapped.
  const auto type = [](uint16_t value) { return uint32_t{htons(value)}; };
  std::array<sock_filter, 9> program{{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type(RTM_NEWNEIGH), 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type(RTM_DELNEIGH), 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type(RTM_NEWROUTE), 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type(RTM_DELROUTE), 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port_id), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog filter{static_cast<uint16_t>(program.size()), program.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0 ? 0 : errno;
}

}  // namespace vtepd::sock

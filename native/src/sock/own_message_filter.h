// A classic-BPF program that drops, inside the kernel, what one port caused. Must not: touch links or addresses, of which
// our own are wanted too.
#ifndef VTEPD_SOCK_OWN_MESSAGE_FILTER_H_
#define VTEPD_SOCK_OWN_MESSAGE_FILTER_H_

#include <cstdint>

namespace vtepd::sock {

// Messages RTM_{NEW,DEL}{NEIGH,ROUTE} with this nlmsg_pid never reach the socket. The kernel says 0 for FDB entries and
// the last RTM_DELNEIGH: those come through. Returns 0 or a positive errno.
[[nodiscard]] int AttachOwnMessageFilter(int fd, uint32_t port_id);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_OWN_MESSAGE_FILTER_H_

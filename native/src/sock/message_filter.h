// Classic-BPF programs that drop messages inside the kernel, before they cost the listener anything. One at a time stands
// at a socket; another takes its place without a gap. Must not: touch links or addresses, of which our own are wanted too.
#ifndef VTEPD_SOCK_MESSAGE_FILTER_H_
#define VTEPD_SOCK_MESSAGE_FILTER_H_

#include <cstdint>

namespace vtepd::sock {

// Messages RTM_{NEW,DEL}{NEIGH,ROUTE} with this nlmsg_pid never reach the socket. The kernel says 0 for FDB entries and
// the last RTM_DELNEIGH: those come through. Returns 0 or a positive errno.
[[nodiscard]] int AttachOwnMessageFilter(int fd, uint32_t port_id);

// No RTM_{NEW,DEL}{NEIGH,ROUTE} reaches the socket, whoever caused it. Returns 0 or a positive errno.
[[nodiscard]] int AttachEntryFilter(int fd);

// Everything reaches the socket. Returns 0, also where none stood there, or a positive errno.
[[nodiscard]] int DetachFilter(int fd);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_MESSAGE_FILTER_H_

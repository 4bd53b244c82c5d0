// A UDP socket as Node itself cannot make one: what it sends is never fragmented here, whatever the kernel has learnt of the path,
// and its address need not be there yet. Must not: send, receive, or keep the socket.
#ifndef VTEPD_SOCK_UDP_H_
#define VTEPD_SOCK_UDP_H_

#include <cstdint>

#include "base/span_reader.h"
#include "base/unique_fd.h"
#include "sock/outcome.h"

namespace vtepd::sock {

// Bound to `address` (4 or 16 bytes, network order) and `port` (host order; 0: any), non-blocking. With IP_PMTUDISC_PROBE the inner
// packet carries DF, and only what is larger than its link is refused (EMSGSIZE). kSocket with the errno: EADDRINUSE, EAFNOSUPPORT.
[[nodiscard]] Outcome OpenUdp(Bytes address, uint16_t port, UniqueFd* opened);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_UDP_H_

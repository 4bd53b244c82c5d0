// Whether a link lets a later one make the checksums of what it sends (`ethtool -K LINK tx`), read and changed by the ioctl
// that every kernel has; a VXLAN link has exactly one feature of that kind, tx-checksum-ip-generic. Must not: decide which.
#ifndef VTEPD_SOCK_CHECKSUM_OFFLOAD_H_
#define VTEPD_SOCK_CHECKSUM_OFFLOAD_H_

#include <cstdint>

#include "sock/netns.h"
#include "sock/outcome.h"

namespace vtepd::sock {

// In `netns`, by any thread. kRefused: ENODEV it is gone, EOPNOTSUPP it has no such feature.
[[nodiscard]] Outcome ReadTxChecksum(const Netns& netns, uint32_t ifindex, bool* on);

// The same; EPERM: CAP_NET_ADMIN is missing. The kernel announces the link when that changes something.
[[nodiscard]] Outcome WriteTxChecksum(const Netns& netns, uint32_t ifindex, bool on);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_CHECKSUM_OFFLOAD_H_

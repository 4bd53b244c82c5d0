// Sends an announcement (packet/announcement.h) out of one link, past routing and packet filter, through a packet socket that
// lives for this call alone. Must not: wait, or send twice.
#ifndef VTEPD_SOCK_ANNOUNCE_H_
#define VTEPD_SOCK_ANNOUNCE_H_

#include "rtnl/records.h"
#include "sock/netns.h"
#include "sock/outcome.h"

namespace vtepd::sock {

// In `netns`, by any thread. kSocket: no packet socket (EPERM: CAP_NET_RAW is missing). kRefused by the link: ENXIO it is gone,
// ENETDOWN it is down, ENOBUFS its queue is full.
[[nodiscard]] Outcome Announce(const Netns& netns, const rtnl::AnnounceRecord& announcement);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_ANNOUNCE_H_

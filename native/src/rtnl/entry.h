// Neighbours, FDB entries and routes: messages to 48-byte entries, entries to batch messages. Pure.
// Must not: filter by link or owner; that is the caller's knowledge.
#ifndef VTEPD_RTNL_ENTRY_H_
#define VTEPD_RTNL_ENTRY_H_

#include "base/span_writer.h"
#include "nl/message.h"
#include "rtnl/decoded.h"
#include "rtnl/records.h"

namespace vtepd::rtnl {

// RTM_NEWNEIGH and RTM_DELNEIGH: neighbours of IPv4 and IPv6, and FDB entries (AF_BRIDGE) that belong to the link itself
// (NTF_SELF). Skips what a bridge has learnt about its ports, and an FDB entry that says neither where it leads nor when it was
// used: the addresses of a NIC, and what kernels up to 6.12 announce of every successful request (rtnl_fdb_notify), beside the
// announcement of the VXLAN link itself and also where nothing changed, or nothing was deleted.
[[nodiscard]] Decoded DecodeNeighbour(const nl::Message& message);
// RTM_NEWROUTE and RTM_DELROUTE of the main table. Skips other tables and cached (cloned) routes.
[[nodiscard]] Decoded DecodeRoute(const nl::Message& message);

// The request that `entry.op` asks for; `flags` is 0 or NLM_F_ACK.
[[nodiscard]] Encoded EncodeEntry(SpanWriter* out, uint32_t sequence, uint16_t flags, const Entry& entry);

// RTM_GETNEIGH for one FDB entry of the link itself, by its lladdr; the answer is an RTM_NEWNEIGH, or ENOENT.
[[nodiscard]] Encoded EncodeGetFdb(SpanWriter* out, uint32_t sequence, const Entry& entry);

// All neighbours of one link and one family.
[[nodiscard]] Encoded EncodeDumpNeighbours(SpanWriter* out, uint32_t sequence, uint8_t family, uint32_t ifindex);
// The FDB of one link. The answer to a bridge port also has the bridge's own entries: DecodeNeighbour skips them.
[[nodiscard]] Encoded EncodeDumpFdb(SpanWriter* out, uint32_t sequence, uint32_t ifindex);
// The main table of one family. ENOENT: the table was never used, and is empty.
[[nodiscard]] Encoded EncodeDumpRoutes(SpanWriter* out, uint32_t sequence, uint8_t family);

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_ENTRY_H_

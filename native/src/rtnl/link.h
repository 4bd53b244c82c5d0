// Links: RTM_NEWLINK and RTM_DELLINK to records, records to requests. Pure.
// Must not: decide what a link should be; the caller's record says all (flannel-contract 5 for the VXLAN attributes).
#ifndef VTEPD_RTNL_LINK_H_
#define VTEPD_RTNL_LINK_H_

#include <cstdint>
#include <vector>

#include "base/span_writer.h"
#include "nl/message.h"
#include "rtnl/decoded.h"
#include "rtnl/records.h"

namespace vtepd::rtnl {

// Skips messages of another family: a bridge announces a port that leaves it with RTM_DELLINK of AF_BRIDGE.
[[nodiscard]] Decoded DecodeLink(const nl::Message& message);

// Appends an AltnameRecord for each alternative name of the link of `message`, which has decoded. A list that is broken gives
// those before the break.
void AppendAltnames(const nl::Message& message, uint32_t ifindex, std::vector<uint8_t>* records);

// `netns_fd` of a peer or a move: a descriptor of the target namespace, -1 for the socket's own.
struct VethPeer {
  LinkRecord link;
  int netns_fd = -1;
};

// RTM_NEWLINK with NLM_F_CREATE | NLM_F_EXCL; the kind in the record is `vxlan`, `bridge` or `veth`, the last with a peer.
[[nodiscard]] Encoded EncodeCreateLink(SpanWriter* out, uint32_t sequence, const LinkRecord& link, const VethPeer* peer);
// One RTM_NEWLINK on an existing link with everything that `fields` names. Never sends IFLA_VXLAN_PORT: the kernel
// refuses any change that has it, even of the same value ("Cannot change port.").
[[nodiscard]] Encoded EncodeChangeLink(SpanWriter* out, uint32_t sequence, const LinkRecord& change);
[[nodiscard]] Encoded EncodeMoveLink(SpanWriter* out, uint32_t sequence, uint32_t ifindex, int netns_fd);
[[nodiscard]] Encoded EncodeDeleteLink(SpanWriter* out, uint32_t sequence, uint32_t ifindex);
// All links, without their statistics.
[[nodiscard]] Encoded EncodeDumpLinks(SpanWriter* out, uint32_t sequence);

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_LINK_H_

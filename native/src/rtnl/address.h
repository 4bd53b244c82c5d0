// Interface addresses: RTM_NEWADDR and RTM_DELADDR, both ways. Pure. Must not: invent a broadcast address or a label.
#ifndef VTEPD_RTNL_ADDRESS_H_
#define VTEPD_RTNL_ADDRESS_H_

#include "base/span_writer.h"
#include "nl/message.h"
#include "rtnl/decoded.h"
#include "rtnl/records.h"

namespace vtepd::rtnl {

// Skips families other than IPv4 and IPv6.
[[nodiscard]] Decoded DecodeAddress(const nl::Message& message);

// RTM_NEWADDR with NLM_F_CREATE | NLM_F_REPLACE; of the record's flags only IFA_F_NODAD is sent, and only for IPv6.
[[nodiscard]] Encoded EncodeAddAddress(SpanWriter* out, uint32_t sequence, const AddressRecord& address);
[[nodiscard]] Encoded EncodeDeleteAddress(SpanWriter* out, uint32_t sequence, const AddressRecord& address);
// All addresses of one family, or of every family (0).
[[nodiscard]] Encoded EncodeDumpAddresses(SpanWriter* out, uint32_t sequence, uint8_t family);

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_ADDRESS_H_

// Policy rules (`ip rule`): RTM_NEWRULE and RTM_DELRULE to records. Pure. Must not: write one; vtepd never does.
#ifndef VTEPD_RTNL_RULE_H_
#define VTEPD_RTNL_RULE_H_

#include "base/span_writer.h"
#include "nl/message.h"
#include "rtnl/decoded.h"
#include "rtnl/records.h"

namespace vtepd::rtnl {

// Skips families other than IPv4 and IPv6 (multicast routing has rules of its own).
[[nodiscard]] Decoded DecodeRule(const nl::Message& message);

// All rules of one family. EAFNOSUPPORT: the kernel has none of that family.
[[nodiscard]] Encoded EncodeDumpRules(SpanWriter* out, uint32_t sequence, uint8_t family);

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_RULE_H_

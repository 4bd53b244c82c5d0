// The one decoder: dumps and monitor pass every message through it, so both read the kernel alike. Pure.
#ifndef VTEPD_RTNL_DECODE_H_
#define VTEPD_RTNL_DECODE_H_

#include <string>

#include "nl/message.h"
#include "rtnl/decoded.h"

namespace vtepd::rtnl {

// By message type: RTM_NEW* and RTM_DEL* of links, addresses, neighbours, routes and rules; any other type is skipped.
[[nodiscard]] Decoded Decode(const nl::Message& message);

// Whether the type is one of RTM_DEL*: then the record is what has gone.
[[nodiscard]] bool IsDeletion(const nl::Message& message);

// How a message that does not decode is named: `RTM_NEWROUTE of 44 bytes: 02180000…`, its first 64 bytes at most.
[[nodiscard]] std::string Describe(const nl::Message& message);

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_DECODE_H_

// What a decoder makes of one message. Must not: hold a pointer into the message.
#ifndef VTEPD_RTNL_DECODED_H_
#define VTEPD_RTNL_DECODED_H_

#include <variant>

#include "rtnl/records.h"

namespace vtepd::rtnl {

// A message that is well formed and no concern of ours: another family, another table, a cached route.
struct Skipped {};
// A message that breaks the framing or lacks what it must have. A dump passes over it, counts and names it; a monitor
// reports an overrun.
struct Malformed {};

using Decoded = std::variant<Skipped, Malformed, LinkRecord, AddressRecord, Entry, RuleRecord>;

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_DECODED_H_

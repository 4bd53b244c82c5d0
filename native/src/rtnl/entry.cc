#include "rtnl/entry.h"

#include <linux/netlink.h>

#include "rtnl/neighbour.h"
#include "rtnl/route.h"

namespace vtepd::rtnl {

Encoded EncodeEntry(SpanWriter* out, uint32_t sequence, uint16_t flags, const Entry& entry) {
  uint16_t all = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  switch (entry.op) {
    case kReplace:
      all = static_cast<uint16_t>(all | NLM_F_CREATE | NLM_F_REPLACE);
      break;
    case kCreate:
      all = static_cast<uint16_t>(all | NLM_F_CREATE | NLM_F_EXCL);
      break;
    case kDelete:
      break;
    default:
      return Encoded::kCannot;
  }
  switch (entry.kind) {
    case kNeighbour:
      return EncodeNeighbour(out, sequence, all, entry);
    case kFdb:
      return EncodeFdb(out, sequence, all, entry);
    case kRoute:
      return EncodeRoute(out, sequence, all, entry);
    default:
      return Encoded::kCannot;
  }
}

}  // namespace vtepd::rtnl

#include "rtnl/decode.h"

#include <linux/rtnetlink.h>

#include "rtnl/address.h"
#include "rtnl/entry.h"
#include "rtnl/link.h"

namespace vtepd::rtnl {

Decoded Decode(const nl::Message& message) {
  switch (message.header.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return DecodeLink(message);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return DecodeAddress(message);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return DecodeNeighbour(message);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return DecodeRoute(message);
    default:
      return Skipped{};
  }
}

bool IsDeletion(const nl::Message& message) {
  switch (message.header.nlmsg_type) {
    case RTM_DELLINK:
    case RTM_DELADDR:
    case RTM_DELNEIGH:
    case RTM_DELROUTE:
      return true;
    default:
      return false;
  }
}

}  // namespace vtepd::rtnl

#include <linux/rtnetlink.h>

#include "rtnl/records.h"
#include "sock/monitor.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  // The whole way of a notification: framing, every decoder, event records. What comes out is whole events.
  std::vector<uint8_t> events;
  sock::AppendEvents({data, size}, &events);
  for (size_t at = 0; at < events.size();) {
    test::Expect(events.size() - at >= sizeof(rtnl::EventHeader));
    const uint8_t type = events[at];
    test::Expect(type >= rtnl::kLinkEvent && type <= rtnl::kRuleEvent && type != rtnl::kClosedEvent);
    at += sizeof(rtnl::EventHeader);
    if (type == rtnl::kLinkEvent) at += sizeof(rtnl::LinkRecord);
    if (type == rtnl::kAddressEvent) at += sizeof(rtnl::AddressRecord);
    if (type == rtnl::kEntryEvent) at += sizeof(rtnl::Entry);
    test::Expect(at <= events.size());
  }
  return 0;
}

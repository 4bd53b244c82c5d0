#include <linux/rtnetlink.h>

#include "rtnl/entry.h"
#include "rtnl/ip.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  const nl::Message message = test::MessageOf({data, size}, {RTM_NEWROUTE, RTM_DELROUTE});
  const rtnl::Decoded decoded = rtnl::DecodeRoute(message);
  if (const auto* entry = std::get_if<rtnl::Entry>(&decoded)) {
    test::Expect(entry->kind == rtnl::kRoute);
    test::Expect(entry->dst_length <= 8 * rtnl::AddressBytes(entry->family));
  }
  return 0;
}

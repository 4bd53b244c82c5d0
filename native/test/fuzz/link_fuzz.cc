#include <linux/rtnetlink.h>

#include "rtnl/link.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  const nl::Message message = test::MessageOf({data, size}, {RTM_NEWLINK, RTM_DELLINK});
  const rtnl::Decoded decoded = rtnl::DecodeLink(message);
  if (const auto* link = std::get_if<rtnl::LinkRecord>(&decoded)) {
    test::Expect(link->ifindex != 0);
    test::Expect(link->ifname.back() == 0 && link->kind.back() == 0);
  }
  return 0;
}

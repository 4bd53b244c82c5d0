#include <linux/rtnetlink.h>

#include <vector>

#include "rtnl/link.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  const nl::Message message = test::MessageOf({data, size}, {RTM_NEWLINK, RTM_DELLINK});
  std::vector<uint8_t> altnames;
  rtnl::AppendAltnames(message, 1, &altnames);
  test::Expect(altnames.size() % sizeof(rtnl::AltnameRecord) == 0);
  const rtnl::Decoded decoded = rtnl::DecodeLink(message);
  if (const auto* link = std::get_if<rtnl::LinkRecord>(&decoded)) {
    test::Expect(link->ifindex != 0);
    test::Expect(link->ifname.back() == 0 && link->kind.back() == 0);
  }
  return 0;
}

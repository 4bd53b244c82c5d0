#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "rtnl/address.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  const nl::Message message = test::MessageOf({data, size}, {RTM_NEWADDR, RTM_DELADDR});
  const rtnl::Decoded decoded = rtnl::DecodeAddress(message);
  if (const auto* address = std::get_if<rtnl::AddressRecord>(&decoded)) {
    test::Expect(address->ifindex != 0);
    test::Expect(address->prefix_length <= (address->family == AF_INET ? 32 : 128));
  }
  return 0;
}

#include <linux/rtnetlink.h>

#include "rtnl/ip.h"
#include "rtnl/route.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  const nl::Message message = test::MessageOf({data, size}, {RTM_NEWROUTE});
  if (const auto resolved = rtnl::DecodeResolvedRoute(message)) {
    for (const uint8_t family : {resolved->gateway_family, resolved->source_family})
      test::Expect(family == 0 || rtnl::AddressBytes(family) != 0);
  }
  return 0;
}

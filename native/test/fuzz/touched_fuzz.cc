#include <linux/netfilter.h>

#include <vector>

#include "rtnl/records.h"
#include "sock/monitor.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  static const std::vector<nft::Watched> watched{{NFPROTO_IPV4, "flannel-ipv4", ""}, {NFPROTO_IPV4, "nat", "POSTROUTING"}};
  std::vector<uint8_t> events;
  sock::AppendTouched({data, size}, watched, &events);
  sock::AppendTouched({data, size}, watched, &events);
  // Each of them at most once, and an overrun.
  test::Expect(events.size() <= (watched.size() + 1) * sizeof(rtnl::EventHeader));
  for (SpanReader reader(events); !reader.empty();) {
    const auto header = reader.Read<rtnl::EventHeader>();
    test::Expect(!reader.failed());
    test::Expect(header.type == rtnl::kTouchedEvent ? header.value < watched.size() : header.type == rtnl::kOverrunEvent);
  }
  return 0;
}

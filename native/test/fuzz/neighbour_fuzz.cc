#include <linux/rtnetlink.h>

#include "rtnl/entry.h"
#include "rtnl/ip.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  const nl::Message message = test::MessageOf({data, size}, {RTM_NEWNEIGH, RTM_DELNEIGH});
  const rtnl::Decoded decoded = rtnl::DecodeNeighbour(message);
  if (const auto* entry = std::get_if<rtnl::Entry>(&decoded)) {
    test::Expect(entry->kind == rtnl::kNeighbour || entry->kind == rtnl::kFdb);
    test::Expect(rtnl::AddressBytes(entry->family) != 0 || (entry->kind == rtnl::kFdb && entry->family == 0));
  }
  return 0;
}

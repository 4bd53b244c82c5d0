#include <linux/rtnetlink.h>

#include "rtnl/ip.h"
#include "rtnl/rule.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  const nl::Message message = test::MessageOf({data, size}, {RTM_NEWRULE, RTM_DELRULE});
  const rtnl::Decoded decoded = rtnl::DecodeRule(message);
  if (const auto* rule = std::get_if<rtnl::RuleRecord>(&decoded)) {
    const size_t bits = 8 * rtnl::AddressBytes(rule->family);
    test::Expect(bits != 0 && rule->src_length <= bits && rule->dst_length <= bits);
    test::Expect(rule->iif.back() == 0 && rule->oif.back() == 0);
  }
  return 0;
}
